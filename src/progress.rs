//! Progress of an upload or a download, on one line of a terminal: bytes, percent, rate and time left.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// A progress line on standard error, redrawn in place. Silent where that is no terminal, and for small files.
#[derive(Debug)]
pub struct Progress<'a> {
    name: &'a str,
    before: u64,
    total: u64,
    started: Instant,
    drawn: Option<Instant>,
}

impl<'a> Progress<'a> {
    /// Progress of moving `total` bytes of `name`; `None` where none is to be shown.
    pub fn new(name: &'a str, total: u64) -> Option<Self> {
        Self::resumed(name, 0, total)
    }

    /// The same where the first `before` bytes are done already.
    pub fn resumed(name: &'a str, before: u64, total: u64) -> Option<Self> {
        (total > SHOWN_FROM && std::io::stderr().is_terminal()).then(|| Self {
            name,
            before,
            total,
            started: Instant::now(),
            drawn: None,
        })
    }

    /// Says how many bytes are done. Cheap enough for every chunk: it draws at most ten times a second.
    pub fn update(&mut self, done: u64) {
        let now = Instant::now();
        let last = self.drawn.unwrap_or(self.started);
        if now.duration_since(last) < REDRAWN_EVERY {
            return;
        }
        self.drawn = Some(now);
        let part = Part { before: self.before, done, total: self.total };
        let line = line(self.name, part, now.duration_since(self.started), terminal_width());
        write_to_terminal(&format!("\r{line}{CLEAR_TO_END}"));
    }
}

impl Drop for Progress<'_> {
    /// Clears the line, so that the outcome, or an error, stands in its place.
    fn drop(&mut self) {
        if self.drawn.is_some() {
            write_to_terminal(&format!("\r{CLEAR_TO_END}"));
        }
    }
}

/// How much of something is done, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// What was there before the clock was started.
    pub before: u64,
    /// What is there now.
    pub done: u64,
    /// All of it.
    pub total: u64,
}

/// `name  12.0 of 100.0 MiB  12 %  3.4 MiB/s  0:26 left`, at most `width` columns; the name gives way first, then
/// what stands at the end.
pub fn line(name: &str, part: Part, elapsed: Duration, width: usize) -> String {
    let total = part.total;
    let done = part.done.min(total);
    let moved = done.saturating_sub(part.before);
    let percent = if total == 0 { 100 } else { u128::from(done) * 100 / u128::from(total) };
    let milliseconds = elapsed.as_millis().max(1);
    let rate = u64::try_from(u128::from(moved) * 1000 / milliseconds).unwrap_or(u64::MAX);
    let mut fields = vec![
        format!("{} of {} MiB", mebibytes(done), mebibytes(total)),
        format!("{percent} %"),
        format!("{} MiB/s", mebibytes(rate)),
    ];
    if rate > 0 {
        fields.push(format!("{} left", clock((total - done).div_ceil(rate))));
    }
    while fields.len() > 1 && fields.join(SEPARATOR).len() > width {
        fields.pop();
    }
    let numbers = fields.join(SEPARATOR);
    let room = width.saturating_sub(numbers.len() + SEPARATOR.len());
    let mut line = fitted(name, room);
    if !line.is_empty() {
        line.push_str(SEPARATOR);
    }
    line.push_str(&numbers);
    line.truncate(line.char_indices().nth(width).map_or(line.len(), |(end, _)| end));
    line
}

/// The end of a name that is too long, as the end tells files apart; control characters become `?`, lest a file's
/// name steers the terminal.
fn fitted(name: &str, room: usize) -> String {
    let letters = name.chars().map(|letter| if letter.is_control() { '?' } else { letter });
    if letters.clone().map(columns).sum::<usize>() <= room {
        return letters.collect();
    }
    if room < NAME_SHOWN_FROM {
        return String::new();
    }
    let mut left = room - 1;
    let fits = |letter: &char| {
        let enough = columns(*letter) <= left;
        left = left.saturating_sub(columns(*letter));
        enough
    };
    let end: Vec<char> = letters.rev().take_while(fits).collect();
    std::iter::once('…').chain(end.into_iter().rev()).collect()
}

/// Two for everything that may be wide (Hangul, CJK, emoji stand behind U+1100): rather too short a line than one
/// that wraps.
fn columns(letter: char) -> usize {
    if letter < '\u{1100}' { 1 } else { 2 }
}

/// With one decimal, rounded down; in integers, which is all it needs.
fn mebibytes(bytes: u64) -> String {
    let tenths = u128::from(bytes) * 10 / (1024 * 1024);
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        1..1000 => format!("{hours}:{minutes:02}:{seconds:02}"),
        _ => "long".to_owned(),
    }
}

fn terminal_width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    // The last column stays free: some terminals wrap when it is written.
    size.ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(WIDTH_OTHERWISE) - 1
}

fn write_to_terminal(text: &str) {
    // A terminal that is gone is no reason to stop sending.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// What takes less than a blink on most links needs no progress.
const SHOWN_FROM: u64 = 1024 * 1024;
/// Ten times a second at most: what the eye follows, and little on a serial console.
const REDRAWN_EVERY: Duration = Duration::from_millis(100);
/// ECMA-48, EL: erase to the end of the line.
const CLEAR_TO_END: &str = "\x1b[K";
/// A serial console does not say how wide it is.
const WIDTH_OTHERWISE: usize = 80;
const SEPARATOR: &str = "  ";
/// Less of a name says nothing.
const NAME_SHOWN_FROM: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn line(name: &str, done: u64, total: u64, elapsed: Duration, width: usize) -> String {
        super::line(name, Part { before: 0, done, total }, elapsed, width)
    }

    #[test]
    fn what_was_there_before_does_not_count_as_speed() {
        let part = Part { before: 88 * MIB, done: 90 * MIB, total: 100 * MIB };
        let shown = super::line("a", part, Duration::from_secs(2), 79);
        assert_eq!(shown, "a  90.0 of 100.0 MiB  90 %  1.0 MiB/s  0:10 left");
    }

    #[test]
    fn shows_bytes_percent_rate_and_time_left() {
        let shown = line("a.bin", 12 * MIB, 100 * MIB, Duration::from_secs(4), 79);
        assert_eq!(shown, "a.bin  12.0 of 100.0 MiB  12 %  3.0 MiB/s  0:30 left");
    }

    #[test]
    fn a_stalled_or_fresh_upload_promises_nothing() {
        assert_eq!(line("a", 0, 2 * MIB, Duration::ZERO, 79), "a  0.0 of 2.0 MiB  0 %  0.0 MiB/s");
        assert!(line("a", 1, 2 * MIB, Duration::from_secs(100_000), 79).ends_with("0.0 MiB/s"));
    }

    #[test]
    fn ends_at_a_hundred_percent_even_when_told_more() {
        let shown = line("a", 3 * MIB, 2 * MIB, Duration::from_secs(1), 79);
        assert_eq!(shown, "a  2.0 of 2.0 MiB  100 %  2.0 MiB/s  0:00 left");
        assert!(line("a", 0, 0, Duration::from_secs(1), 79).contains("100 %"));
    }

    #[test]
    fn long_times_have_hours_and_huge_numbers_do_not_overflow() {
        assert!(line("a", 100, 360_100, Duration::from_secs(1), 79).ends_with("1:00:00 left"));
        assert!(line("a", 1, u64::MAX, Duration::from_secs(1), 79).ends_with("long left"));
        assert!(line("a", u64::MAX, u64::MAX, Duration::ZERO, 79).contains("100 %"));
    }

    #[test]
    fn never_wider_than_the_terminal() {
        let name = "a-rather-long-file-name-of-a-camera-ünd-more-2026-11-22.jpg";
        for width in 0..200 {
            let shown = line(name, 12 * MIB, 1000 * MIB, Duration::from_secs(4), width);
            assert!(shown.chars().count() <= width, "{width}: {shown}");
        }
        let shown = line(name, 12 * MIB, 1000 * MIB, Duration::from_secs(4), 79);
        assert!(shown.starts_with('…') && shown.contains("2026-11-22.jpg  12.0 of"), "{shown}");
    }

    #[test]
    fn wide_letters_count_twice() {
        let shown = line("写真写真写真写真", 0, 2 * MIB, Duration::ZERO, 46);
        assert_eq!(shown, "…写真写真写真  0.0 of 2.0 MiB  0 %  0.0 MiB/s");
        assert_eq!(shown.chars().map(|letter| if "写真".contains(letter) { 2 } else { 1 }).sum::<usize>(), 45);
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert!(line("\x1b[2Jx", 0, 2 * MIB, Duration::ZERO, 79).starts_with("?[2Jx  "));
    }
}
