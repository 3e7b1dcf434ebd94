//! Files that wait on this device's disk until they are delivered.
