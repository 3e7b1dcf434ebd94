//! The boards' own descriptions: `boards/BOARD/board.toml`.

use serde::Deserialize;
use std::fs;
use std::io;
use std::path::Path;

/// What this report needs of a board.
#[derive(Debug, Clone, Deserialize)]
pub struct Board {
    /// The name of its folder.
    #[serde(skip)]
    pub name: String,
    /// What must not be exceeded.
    pub budget: Budget,
}

/// Limits, each in bytes.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Budget {
    /// The stripped binary.
    pub binary_bytes: u64,
    /// Peak resident memory of `send`, whatever the file's size.
    pub peak_resident_bytes: u64,
}

/// Reads every board's description, ordered by name.
///
/// # Errors
/// A folder or file that cannot be read, or a description that cannot be understood.
pub fn read_all(repository: &Path) -> io::Result<Vec<Board>> {
    let mut boards = Vec::new();
    for entry in fs::read_dir(repository.join("boards"))? {
        let folder = entry?.path();
        let Ok(text) = fs::read_to_string(folder.join("board.toml")) else { continue };
        let mut board: Board =
            toml::from_str(&text).map_err(|error| io::Error::other(format!("{}: {error}", folder.display())))?;
        board.name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        boards.push(board);
    }
    boards.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(boards)
}
