use crate::stepper::Stepper;
use crate::tracer::trace;
use homing_sandbox::Sandbox;
use std::process::Command;
#[test]
fn probe() {
    let sandbox = Sandbox::builder().start().unwrap();
    let file = sandbox.folder().join("a.bin");
    std::fs::write(&file, vec![7; 60_000]).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_homing"));
    command.arg("send").arg("--config").arg(sandbox.config_path()).arg(&file).env("HOMING_CREDENTIAL_CACHE", "false");
    for _ in 0..3 {
        let start = std::time::Instant::now();
        let mut stepper = Stepper::looking();
        let ended = trace(&command, &mut stepper);
        eprintln!("{ended:?} {:?} {}", start.elapsed(), stepper.made.len());
        let start = std::time::Instant::now();
        let output = command.output().unwrap();
        eprintln!("{} {:?}", output.status, start.elapsed());
        let mut counts = std::collections::BTreeMap::new();
        for made in &stepper.made { *counts.entry(crate::calls::name(made.place.number)).or_insert(0) += 1; }
        eprintln!("{counts:?}");
    }
    let command = { let mut c = Command::new(env!("CARGO_BIN_EXE_homing")); c.arg("get").arg("--config").arg(sandbox.config_path()).arg(format!("s3://{}/sandbox-thing/a.bin", sandbox.bucket())).arg(sandbox.folder().join("got")).env("HOMING_CREDENTIAL_CACHE", "false"); c};
    let mut stepper = Stepper::looking();
    let ended = trace(&command, &mut stepper);
    eprintln!("{ended:?}");
    for made in &stepper.made { if made.place.changes_disk {eprintln!("{}", made.place)} }
}
