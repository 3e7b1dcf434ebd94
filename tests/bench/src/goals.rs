//! What homing is to reach, as ratios of medians of one run on one machine.

use crate::results::{DELAY_MS, HUGE, MEDIUM, Results, Series};
use crate::statistics::{Spread, ratio};

/// One goal and what was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// What is compared with what.
    pub text: &'static str,
    /// The most that the ratio may be.
    pub limit: f64,
    /// The ratio; `None` where one of the two was not measured.
    pub figure: Option<f64>,
    /// What the ratio would be if the limit sent its bytes, too, instead of copying them once; only of those limits.
    pub with_sending: Option<f64>,
}

impl Goal {
    /// Whether it is met; `None` where it was not measured.
    pub fn met(&self) -> Option<bool> {
        self.figure.map(|figure| figure <= self.limit)
    }

    /// What is in the way of a goal that is not met, where that was measured.
    pub fn in_the_way(&self) -> Option<String> {
        let with_sending = self.with_sending.filter(|_| self.met() == Some(false))?;
        Some(format!("the kernel's part in sending; where the limit has it, too: {with_sending:.2}"))
    }

    /// `met`, `NOT MET`, or `not measured`.
    pub fn verdict(&self) -> &'static str {
        match self.met() {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "not measured",
        }
    }
}

/// Every goal, in order.
pub fn goals(results: &Results) -> Vec<Goal> {
    type Quantity = fn(&Series) -> Option<Spread>;
    let figure = |quantity: Quantity, (ours, theirs): (&str, &str), bytes: u64, delay_ms: u64| -> Option<f64> {
        let of = |name: &str| results.series(name, bytes, delay_ms).and_then(quantity);
        ratio(of(ours)?, of(theirs)?)
    };
    let (wall, cpu, peak): (Quantity, Quantity, Quantity) = (Series::wall, Series::cpu, Series::peak);
    let goal = |text, limit, figure| Goal { text, limit, figure, with_sending: None };
    let of_limit = |text, most, ours, limit: &str| Goal {
        text,
        limit: most,
        figure: figure(cpu, (ours, limit), HUGE, 0),
        with_sending: figure(cpu, (ours, &format!("{limit}-socket")), HUGE, 0),
    };
    vec![
        goal("1 MiB `send`: wall time, of sh's", 0.5, figure(wall, ("homing-send", "sh"), MEDIUM, 0)),
        goal("1 MiB `send`: processor time, of sh's", 0.5, figure(cpu, ("homing-send", "sh"), MEDIUM, 0)),
        goal(
            "1 MiB `send`, 50 ms each way: wall time, of sh's",
            0.55,
            figure(wall, ("homing-send", "sh"), MEDIUM, DELAY_MS),
        ),
        of_limit("1 GiB `put`: processor time, of the limit's", 1.10, "homing-put", "limit-signed"),
        of_limit(
            "1 GiB `put`, unsigned with trailer: processor time, of its limit's",
            1.15,
            "homing-put-unsigned",
            "limit-unsigned",
        ),
        goal(
            "1 GiB `put`, unsigned with trailer: processor time, of sh's",
            1.0,
            figure(cpu, ("homing-put-unsigned", "sh"), HUGE, 0),
        ),
        goal("1 MiB `send`: memory, of sh's", 1.0 / 3.0, figure(peak, ("homing-send", "sh"), MEDIUM, 0)),
        goal("1 GiB `send`: memory, of sh's", 1.0 / 3.0, figure(peak, ("homing-send", "sh"), HUGE, 0)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Sample;

    fn series(contender: &str, wall_s: f64) -> Series {
        let sample = Sample { wall_s, user_s: wall_s / 2.0, system_s: 0.0, peak_bytes: 1000 };
        Series { contender: contender.to_owned(), file_bytes: MEDIUM, delay_ms: 0, samples: vec![sample] }
    }

    #[test]
    fn a_goal_is_met_at_its_limit_missed_above_and_open_without_figures() {
        for (ours, verdict) in [(0.5, "met"), (0.501, "NOT MET")] {
            let results =
                Results { series: vec![series("homing-send", ours), series("sh", 1.0)], ..Results::default() };
            let goals = goals(&results);
            assert_eq!((goals[0].verdict(), goals[1].verdict()), (verdict, verdict));
            assert_eq!(goals[2].verdict(), "not measured", "those without delay are others");
            assert_eq!(goals[6].verdict(), "NOT MET", "as much memory is not a third");
        }
    }

    #[test]
    fn what_is_in_the_way_is_said_of_limits_that_are_missed_and_were_measured() {
        let huge = |contender, wall_s| Series { file_bytes: HUGE, ..series(contender, wall_s) };
        for (ours, said) in [(1.5, Some("1.00")), (1.1, None)] {
            let mut results = Results {
                series: vec![huge("homing-put", ours), huge("limit-signed", 1.0), huge("limit-signed-socket", 1.5)],
                ..Results::default()
            };
            let in_the_way = goals(&results)[3].in_the_way();
            assert_eq!(in_the_way.is_some(), said.is_some());
            assert!(in_the_way.unwrap_or_default().ends_with(said.unwrap_or_default()));
            results.series.pop();
            assert_eq!(goals(&results)[3].in_the_way(), None, "it was not measured");
        }
    }
}
