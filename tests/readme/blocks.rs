//! The fenced blocks of a page.

/// A fenced block.
pub(crate) struct Block {
    /// What stands behind the opening fence: `sh`, `text`, …
    pub(crate) info: String,
    pub(crate) text: String,
    /// The HTML comment on the line before, which no reader sees.
    pub(crate) note: String,
}

impl Block {
    /// Whether a shell is to run it. One that `needs homing COMMAND` waits until the program has that command.
    pub(crate) fn is_run(&self) -> bool {
        let needed = self.note.strip_prefix("needs homing ").and_then(|rest| rest.split([' ', ';']).next());
        let known = |name: &str| homing::cli::commands::COMMANDS.iter().any(|command| command.name == name);
        (self.info == "sh" || self.info.starts_with("sh ")) && needed.is_none_or(known)
    }
}

/// All blocks of a page, in their order.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    let mut before = "";
    for line in page.lines() {
        if let Some(info) = line.strip_prefix("```") {
            open = !open;
            if open {
                let note = before.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")).unwrap_or_default();
                found.push(Block { info: info.to_owned(), text: String::new(), note: note.to_owned() });
            }
        } else if let (true, Some(block)) = (open, found.last_mut()) {
            block.text.push_str(line);
            block.text.push('\n');
        }
        before = line;
    }
    assert!(!open, "a block is not closed");
    found
}

/// The text of the blocks of one kind.
pub(crate) fn of_kind(page: &str, info: &str) -> Vec<String> {
    blocks(page).into_iter().filter(|block| block.info == info).map(|block| block.text).collect()
}
