//! A sandbox, files for it, and runs of homing with AWS's default of three attempts.

use std::fs;
use std::path::PathBuf;

use homing_sandbox::{Answer, Fault, HttpExchange, Sandbox, SandboxBuilder, Service};

use crate::support::content::bytes;
use crate::support::homing::{Homing, MAX_ATTEMPTS, Outcome, homing};

pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(Sandbox::builder())
    }

    pub(crate) fn with(builder: SandboxBuilder) -> Self {
        Self { sandbox: builder.start().unwrap() }
    }

    /// A file of `length` bytes.
    pub(crate) fn file(&self, name: &str, length: usize) -> PathBuf {
        let path = self.sandbox.folder().join(name);
        fs::write(&path, bytes(length)).unwrap();
        path
    }

    /// A file that goes to S3.
    pub(crate) fn large(&self) -> PathBuf {
        self.file("large.bin", 200_000)
    }

    /// A file that goes into a message.
    pub(crate) fn small(&self) -> PathBuf {
        self.file("small.bin", 5_000)
    }

    /// `homing COMMAND --config FILE`, with three attempts.
    pub(crate) fn homing(&self, command: &str) -> Homing {
        homing([command, "--config"]).arg(self.sandbox.config_path()).env(MAX_ATTEMPTS, "3")
    }

    /// `homing send -v --json FILE`.
    pub(crate) fn send(&self, file: &PathBuf) -> Homing {
        self.homing("send").args(["-v", "--json"]).arg(file)
    }

    /// Gives `service` a fault.
    pub(crate) fn fault(&self, service: Service, fault: Fault) {
        self.sandbox.set_fault(service, fault);
    }

    /// Lets `service` answer so, `times` times.
    pub(crate) fn answers(&self, service: Service, answer: Answer, times: u32) {
        self.fault(service, Fault::new().answer(answer).times(times));
    }

    /// Lets it answer so for good.
    pub(crate) fn always_answers(&self, service: Service, answer: Answer) {
        self.fault(service, Fault::new().answer(answer));
    }

    pub(crate) fn exchanges(&self, service: Service) -> Vec<HttpExchange> {
        self.sandbox.exchanges().into_iter().filter(|exchange| exchange.service == service).collect()
    }

    /// The statuses that `service` has answered with.
    pub(crate) fn statuses(&self, service: Service) -> Vec<u16> {
        self.exchanges(service).iter().map(|exchange| exchange.status).collect()
    }

    /// Exactly one object with the file's content, and one message that names it.
    #[track_caller]
    pub(crate) fn assert_delivered_once(&self, outcome: &Outcome) {
        outcome.expect_code(0);
        let (objects, messages) = (self.sandbox.objects(), self.sandbox.messages());
        assert_eq!((objects.len(), messages.len()), (1, 1), "{outcome}");
        assert_eq!(objects[0].bytes, 200_000, "{outcome}");
    }

    #[track_caller]
    pub(crate) fn assert_nothing_arrived(&self, outcome: &Outcome) {
        assert!(self.sandbox.arrivals().is_empty(), "{outcome}");
    }
}
