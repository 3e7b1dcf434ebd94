//! Properties of how an object is divided into parts, and of its checksum made from theirs, on random inputs.

use homing::protocol::checksum::{Checksum, ChecksumAlgorithm};
use homing::protocol::checksum_of_parts::JoinedChecksum;
use homing::protocol::plan::{MAXIMUM_OBJECT_SIZE, MAXIMUM_PART_SIZE, MAXIMUM_PARTS, MINIMUM_PART_SIZE, Parts};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Within S3's limits, and every byte is in exactly one part.
    #[test]
    fn every_byte_is_in_one_part_and_the_limits_hold(
        size in prop_oneof![0..=MAXIMUM_OBJECT_SIZE, 0..=100 * MINIMUM_PART_SIZE, MAXIMUM_OBJECT_SIZE - 9..=MAXIMUM_OBJECT_SIZE],
        wanted in prop_oneof![any::<u64>(), 0..=20 * MINIMUM_PART_SIZE],
    ) {
        let parts = Parts::new(size, wanted).expect("not too large");
        prop_assert!((MINIMUM_PART_SIZE..=MAXIMUM_PART_SIZE).contains(&parts.part_size()));
        prop_assert!((1..=MAXIMUM_PARTS).contains(&parts.count()));
        let mut next = 0;
        for number in 1..=parts.count() {
            let (start, length) = parts.part(number);
            prop_assert_eq!(start, next);
            let is_last = number == parts.count();
            prop_assert!(length == parts.part_size() || is_last);
            prop_assert!(length > 0 || size == 0);
            next += length;
        }
        prop_assert_eq!(next, size);
        prop_assert_eq!(parts.part(parts.count() + 1).1, 0);
        // What was wished for counts wherever S3 allows it.
        if (MINIMUM_PART_SIZE..=MAXIMUM_PART_SIZE).contains(&wanted) && size.div_ceil(wanted) <= u64::from(MAXIMUM_PARTS) {
            prop_assert_eq!(parts.part_size(), wanted);
        }
        // What is read from a state file is divided in the same way.
        prop_assert_eq!(Parts::new(size, parts.part_size()), Some(parts));
    }

    #[test]
    fn what_no_object_can_hold_has_no_parts(size in MAXIMUM_OBJECT_SIZE + 1.., wanted: u64) {
        prop_assert_eq!(Parts::new(size, wanted), None);
    }

    #[test]
    fn a_checksum_joined_from_parts_is_that_of_all_bytes(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..6),
    ) {
        for algorithm in ChecksumAlgorithm::ALL {
            let Some(mut joined) = JoinedChecksum::new(algorithm) else { continue };
            let mut whole = Checksum::new(algorithm);
            for part in &parts {
                let mut checksum = Checksum::new(algorithm);
                checksum.update(part);
                whole.update(part);
                prop_assert!(joined.append(&checksum.finish(), part.len() as u64));
            }
            prop_assert_eq!(joined.finish(), whole.finish());
        }
    }
}
