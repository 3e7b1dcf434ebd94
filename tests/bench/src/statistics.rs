//! Medians, their spread, and ratios.

/// What several runs gave for one quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The middle one; between the two in the middle where the number is even.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Spread {
    /// Of any number of values in any order; `None` of none, or where one is no number.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        if sorted.iter().any(|value| !value.is_finite()) {
            return None;
        }
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) };
        Some(Self { median, least, most })
    }
}

/// How much of `whole` `part` is, by their medians; `None` where `whole` is nothing, of which no part is anything.
pub fn ratio(part: Spread, whole: Spread) -> Option<f64> {
    (whole.median > 0.0).then(|| part.median / whole.median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_does_not_depend_on_the_order_nor_on_the_extremes() {
        assert_eq!(Spread::of([9.0, 1.0, 2.0]), Some(Spread { median: 2.0, least: 1.0, most: 9.0 }));
        assert_eq!(Spread::of([4.0, 1.0, 100.0, 2.0]), Some(Spread { median: 3.0, least: 1.0, most: 100.0 }));
        assert_eq!(Spread::of([5.0]), Some(Spread { median: 5.0, least: 5.0, most: 5.0 }));
    }

    #[test]
    fn nothing_has_no_median() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([1.0, f64::NAN]), None);
        assert_eq!(Spread::of([1.0, f64::INFINITY]), None);
    }

    #[test]
    fn a_ratio_is_of_medians_and_never_of_zero() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied()).unwrap();
        assert_eq!(ratio(spread(&[1.0, 2.0, 50.0]), spread(&[0.1, 4.0, 4.5])), Some(0.5));
        assert_eq!(ratio(spread(&[1.0]), spread(&[0.0])), None);
    }
}
