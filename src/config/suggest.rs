//! "Did you mean …?": the nearest known name to a mistyped one.

/// The candidate within two edits of `given` (one for short names), or of which `given` is the beginning;
/// underscores and dashes count as the same. `None` where nothing is near.
pub fn nearest<'a>(given: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let given: String = given.chars().take(LENGTH_MAXIMUM).map(normal).collect();
    let allowed = if given.chars().count() <= 4 { 1 } else { 2 };
    candidates
        .map(|candidate| {
            let name: String = candidate.chars().map(normal).collect();
            let begins = given.len() >= 3 && name.starts_with(&given);
            (if begins { 1 } else { distance(&given, &name) }, candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before_previous: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    let mut last = '\0';
    for (row, letter) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let replaced = previous[column] + usize::from(letter != *other);
            let mut least = replaced.min(previous[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && letter == right[column - 1] && last == *other {
                least = least.min(before_previous[column - 1] + 1);
            }
            current.push(least);
        }
        before_previous = std::mem::replace(&mut previous, current);
        last = letter;
    }
    previous[right.len()]
}

fn normal(letter: char) -> char {
    if letter == '-' { '_' } else { letter.to_ascii_lowercase() }
}

/// No name of ours is longer; what is longer is near to none.
const LENGTH_MAXIMUM: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_of_the_finger() {
        let known = ["role_alias", "region", "bucket", "key", "topic", "send"];
        for (given, meant) in [
            ("role-alias", "role_alias"),
            ("rolealias", "role_alias"),
            ("reigon", "region"),
            ("Bukcet", "bucket"),
            ("sned", "send"),
            ("reg", "region"),
        ] {
            assert_eq!(nearest(given, known.into_iter()), Some(meant), "{given}");
        }
    }

    #[test]
    fn says_nothing_where_nothing_is_near() {
        assert_eq!(nearest("certificate", ["region", "bucket"].into_iter()), None);
        assert_eq!(nearest("kk", ["qos"].into_iter()), None);
        assert_eq!(nearest("", ["qos"].into_iter()), None);
    }
}
