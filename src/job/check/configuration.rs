//! Each value that is set, and where it came from.

use super::details::Details;
use super::report::Report;
use crate::config::{Examined, Origin, PEM};
use crate::options::Id;

/// Tells of every setting that something sets, and what is wrong with any. None of them is a secret; where somebody wrote
/// one into an endpoint, or in place of its file's name, all the same, it is not shown.
pub(super) fn look(examined: &Examined, report: &mut Report) {
    let Examined { config, values, mistakes } = examined;
    let mut details = Details::default();
    for (id, value) in values {
        let value = value.to_string_lossy();
        let shown = if value.contains('@') || value.contains(PEM) { "(not shown)" } else { &value };
        details.text(id.option().key, &format_args!("{shown} ({})", config.origin(*id)));
    }
    let origin = config.origin(Id::Region);
    if let (Some(region), Origin::Derived(_)) = (&config.region, origin) {
        details.text(Id::Region.option().key, &format_args!("{region} ({origin})"));
    }
    config.warnings.iter().for_each(|warning| details.note(warning));
    if values.is_empty() {
        details.note(&format_args!(
            "nothing is set: there is no {} (homing init writes one), and no variable and no flag",
            config.document()
        ));
    }
    let result = mistakes.clone().map_or(Ok(()), Err);
    report.ended("configuration", "", details, &result);
    if result.is_err() {
        report.expect_unset();
    }
}
