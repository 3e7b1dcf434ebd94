//! One run of `homing check --json`, by its steps.

use crate::support::{Run, Scene};
use serde_json::Value;
use std::process::Command;

/// What a run has told.
#[derive(Debug)]
pub struct Visit {
    pub run: Run,
    steps: Vec<Value>,
}

impl Visit {
    /// `homing check --json` in `scene`.
    pub fn of(scene: &Scene) -> Self {
        Self::with(scene, &[])
    }

    /// The same with further arguments.
    pub fn with(scene: &Scene, arguments: &[&str]) -> Self {
        let mut command = scene.command(&["check", "--json"]);
        Self::from(scene.finish(command.args(arguments)))
    }

    /// Of a command that was made otherwise.
    pub fn by(command: &mut Command) -> Self {
        Self::from(Run::of(command))
    }

    pub fn from(run: Run) -> Self {
        let steps = run.outcomes();
        let summary = steps.last().unwrap_or_else(|| panic!("nothing is told: {run:?}"));
        assert_eq!(summary["check"], "summary", "{run:?}");
        assert_eq!(summary["exit_code"], run.code, "{run:?}");
        let count = |result: &str| steps.iter().filter(|step| step["result"] == result && *step != summary).count();
        for result in ["ok", "failed", "skipped"] {
            assert_eq!(summary[result], count(result), "{result}: {run:?}");
        }
        assert_eq!(run.code != 0, count("failed") > 0, "{run:?}");
        Self { steps, run }
    }

    /// The step of this name; `setting` is the one that it is about, empty for none.
    #[track_caller]
    pub fn step(&self, name: &str, setting: &str) -> &Value {
        let is_it = |step: &&Value| step["check"] == name && step["setting"].as_str().unwrap_or_default() == setting;
        self.steps.iter().find(is_it).unwrap_or_else(|| panic!("no {setting} {name}: {self:#?}"))
    }

    /// That step went well; gives its details.
    #[track_caller]
    pub fn ok(&self, name: &str, setting: &str) -> &Value {
        let step = self.step(name, setting);
        assert_eq!(step["result"], "ok", "{step:#}\n{:?}", self.run);
        &step["details"]
    }

    /// That step failed with this code, and these words are in its cause, its remedy or its note.
    #[track_caller]
    pub fn failed(&self, name: &str, setting: &str, code: &str, words: &[&str]) -> &Self {
        let step = self.step(name, setting);
        assert_eq!((&step["result"], &step["error"]["code"]), (&"failed".into(), &code.into()), "{step:#}");
        assert!(step["error"]["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "no remedy: {step:#}");
        for word in words {
            assert!(step.to_string().contains(word), "no {word:?} in {step:#}");
        }
        self
    }

    /// That step was skipped for this reason.
    #[track_caller]
    pub fn skipped(&self, name: &str, setting: &str, why: &str) -> &Self {
        let step = self.step(name, setting);
        assert_eq!(step["result"], "skipped", "{step:#}");
        let note = step["note"].as_str().unwrap_or_default();
        assert!(note.starts_with("skipped because ") && note.contains(why), "{step:#}");
        self
    }

    /// That step went well, with this in its note.
    #[track_caller]
    pub fn noted(&self, name: &str, setting: &str, note: &str) -> &Self {
        self.ok(name, setting);
        let step = self.step(name, setting);
        assert!(step["note"].as_str().is_some_and(|found| found.contains(note)), "no {note:?} in {step:#}");
        self
    }

    /// How many steps have this result.
    pub fn count(&self, result: &str) -> usize {
        self.steps.iter().filter(|step| step["check"] != "summary" && step["result"] == result).count()
    }

    /// The exit code.
    #[track_caller]
    pub fn ends_with(&self, code: i32) -> &Self {
        assert_eq!(self.run.code, code, "{:?}", self.run);
        self
    }
}
