//! busybox crond runs `homing send` on a 32-bit machine with 64 MiB.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use homing_sandbox::{Message, Sandbox, Service};
use serde_json::Value;

use crate::board;
use crate::emulator::{Machine, Parts, Settings};
use crate::support::directory::Directory;

#[test]
fn cron_delivers_what_is_on_the_board_twice_in_a_row() {
    let Some(parts) = Parts::find("cron on a 32-bit machine") else { return };
    let (directory, sandbox) = (Directory::new("cron"), board::sandbox());
    let script = format!(
        "{}\n{}",
        r#"mkdir -p /var/spool/cron/crontabs /var/log
echo '* * * * * homing -v send /data/reading.log >>/var/log/homing.log 2>&1' >/var/spool/cron/crontabs/root
seq 1 2000 >/data/reading.log
# The next minute comes soon.
now=$(date +%s); date -s @$((now - now % 60 + 55)) >/dev/null
crond -b -c /var/spool/cron/crontabs -L /dev/console
(sleep 10; exec tail -f /var/log/homing.log) &
until grep -qs 'reading.log: delivered' /var/log/homing.log; do sleep 1; done
say 'sent once'
: >/var/log/homing.log
# Renamed into place: cron may come at any time.
seq 1 40000 >/data/next && mv /data/next /data/reading.log
until grep -q 'reading.log: delivered' /var/log/homing.log; do sleep 1; done
say 'sent twice'"#,
        MEASURE_PEAK
    );
    let mut initramfs = parts.initramfs(&script);
    board::add_files(&mut initramfs, "etc/homing", &sandbox);
    let mut machine = Machine::start(&parts, &directory, initramfs, &Settings { memory: MEMORY, clock: "utc" });

    machine.wait_for("sent once");
    let messages = sandbox.messages();
    assert_eq!(content(&messages[0]), sequence(2000), "{}", machine.console());
    assert!(sandbox.objects().is_empty());

    machine.wait_for("sent twice");
    let objects = sandbox.objects();
    assert_eq!(objects.len(), 1, "{}", machine.console());
    assert_eq!(stored(&sandbox, &objects[0].key), sequence(40000), "{}", machine.console());
    let last = json(sandbox.messages().last().unwrap());
    assert_eq!((&last["type"], &last["key"]), (&"s3_url".into(), &objects[0].key.as_str().into()));

    let peak: u64 = machine.wait_for("peak of a 16 MiB send in kB:").parse().unwrap();
    eprintln!("peak resident memory of a 16 MiB send: {peak} kB");
    assert!((1..=PEAK_RESIDENT_MAXIMUM).contains(&peak), "{peak} kB\n{}", machine.console());
}

#[test]
fn a_machine_that_starts_in_1970_says_so_and_delivers_once_its_clock_is_set() {
    let Some(parts) = Parts::find("a 32-bit machine in 1970") else { return };
    let (directory, sandbox) = (Directory::new("clock"), board::sandbox());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let script = format!("now={now}\n{SET_THE_CLOCK_WHEN_CRON_HAS_FAILED}");
    let mut initramfs = parts.initramfs(&script);
    // What a person does: the installer, then the configuration and the key of the device.
    initramfs.file("install.sh", 0o755, include_bytes!("../../boards/install.sh"));
    let other = std::fs::read(env!("CARGO_BIN_EXE_homing")).unwrap();
    initramfs.file("other-boards-homing", 0o755, &other[..other.len().min(100_000)]);
    board::add_files(&mut initramfs, "device", &sandbox);
    let settings = Settings { memory: MEMORY, clock: "1970-01-01T00:00:00" };
    let mut machine = Machine::start(&parts, &directory, initramfs, &settings);

    let up = machine.wait_for("is up with");
    assert!(up.contains("at 1970-01-01T00:0"), "{up}");
    let failure = machine.wait_for("cron's homing said").to_lowercase();
    for words in ["clock", "1970-01-01t00:0"] {
        assert!(failure.contains(words), "no {words:?} in {failure:?}");
    }
    assert!(sandbox.arrivals().is_empty());

    machine.wait_for("sent with the clock set");
    let messages = sandbox.messages();
    assert_eq!(content(&messages[0]), sequence(2000), "{}", machine.console());

    assert!(machine.console().contains("/other-boards-homing does not run on this machine (armv7l)"));
    assert_eq!(machine.wait_for("the other board's ended with"), "65, leaving 2", "{}", machine.console());
    assert_eq!(
        machine.wait_for("left in place:"),
        "/etc/homing /etc/homing/ca.pem /etc/homing/config.json /etc/homing/device.pem.crt /etc/homing/private.pem.key"
    );
}

#[test]
fn a_32_bit_machine_delivers_beyond_2038() {
    let Some(parts) = Parts::find("a 32-bit machine in 2038") else { return };
    let (directory, sandbox) = (Directory::new("2038"), board::sandbox());
    let mut initramfs = parts.initramfs(PASS_2038);
    board::add_files(&mut initramfs, "etc/homing", &sandbox);
    let mut machine = Machine::start(&parts, &directory, initramfs, &Settings { memory: MEMORY, clock: "utc" });
    let up = machine.wait_for("is up with");
    let now = i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs());
    let offset = END_OF_32_BITS - now.unwrap();
    for service in [Service::Credentials, Service::S3] {
        sandbox.set_clock_offset(service, offset);
    }

    machine.wait_for("sent beyond 2038");
    let objects = sandbox.objects();
    assert_eq!(objects.len(), 1, "{up}\n{}", machine.console());
    assert_eq!(stored(&sandbox, &objects[0].key), sequence(40000));
    let time = json(sandbox.messages().last().unwrap())["time"].as_str().unwrap().to_owned();
    assert!(("2038-01-19T03:14:08Z".."2038-01-19T04").contains(&time.as_str()), "{time}");
}

/// The bytes inside a `file_content` message.
fn content(message: &Message) -> Vec<u8> {
    let message = json(message);
    assert_eq!(message["type"], "file_content");
    STANDARD.decode(message["content"].as_str().unwrap()).unwrap()
}

fn json(message: &Message) -> Value {
    serde_json::from_slice(&message.payload).unwrap()
}

/// The bytes of an object.
fn stored(sandbox: &Sandbox, key: &str) -> Vec<u8> {
    std::fs::read(sandbox.folder().join("s3").join(sandbox.bucket()).join(key)).unwrap()
}

/// What `seq 1 LAST` writes on the board.
fn sequence(last: u32) -> Vec<u8> {
    (1..=last).flat_map(|number| format!("{number}\n").into_bytes()).collect()
}

/// What a first-generation router or camera module has; the smallest Raspberry Pi has 256.
const MEMORY: u32 = 64;
/// The first second that 32 bits do not hold.
const END_OF_32_BITS: i64 = 1 << 31;
/// `peak_resident_bytes` of boards/pi-32/board.toml, in kB.
const PEAK_RESIDENT_MAXIMUM: u64 = 4096;

const MEASURE_PEAK: &str = r#"
killall crond
# Sparse: it would not fit.
truncate -s 16M /data/large.bin
homing send /data/large.bin >/var/log/homing.log 2>&1 & sender=$!
while status=$(cat /proc/$sender/status 2>/dev/null); do
    reading=$(echo "$status" | sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p')
    [ -n "$reading" ] || break
    peak=$reading
    sleep 0.2
done
wait $sender || cat /var/log/homing.log
say "peak of a 16 MiB send in kB: $peak"
"#;

const SET_THE_CLOCK_WHEN_CRON_HAS_FAILED: &str = r#"
mkdir -p /var/log
syslogd -O /var/log/messages
(sleep 1; exec tail -f /var/log/messages) &
seq 1 2000 >/data/reading.log
/install.sh --binary /other-boards-homing; say "the other board's ended with $?, leaving $(find /etc/homing /usr/local | wc -l)"
/install.sh --binary /usr/bin/homing --send /data/reading.log --every 1
cp /device/* /etc/homing/
# The next minute comes soon.
then=$(date +%s); date -s @$((then - then % 60 + 55)) >/dev/null
crond -b -c /var/spool/cron/crontabs -L /dev/console
until grep -q 'homing: .*clock' /var/log/messages; do sleep 1; done
say "cron's homing said $(grep -h 'homing: ' /var/log/messages | tr '\n' ' ')"
# crond sleeps to the end of what it takes for the minute; there the next one begins 10 s later.
then=$(date +%s)
date -s @$((now - now % 60 + (then + 50) % 60)) >/dev/null
until grep -q 'reading.log: delivered' /var/log/messages; do sleep 1; done
say 'sent with the clock set'
/install.sh --uninstall
say "left in place: $(find /usr/local/bin/homing /etc/homing /var/spool/cron/crontabs/root 2>/dev/null | sort | tr '\n' ' ')"
"#;

const PASS_2038: &str = r#"
seq 1 40000 >/data/reading.log
# busybox's own clock has 32 bits; it can set this time, and not much later ones.
date -u -s '2038-01-19 03:14:02' >/dev/null
sleep 7
homing -v send /data/reading.log && say 'sent beyond 2038'
"#;
