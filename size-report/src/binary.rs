//! Where a binary's bytes go: by section, and by crate from the symbols of its unstripped twin.

use object::{Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

/// One board's binary, taken apart.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Binary {
    /// Bytes of the stripped file: what is copied to the device.
    pub stripped_bytes: u64,
    /// Bytes by section, of those that are loaded from the file.
    pub sections: BTreeMap<String, u64>,
    /// Bytes of code and constants by crate. Code that was inlined counts where it was inlined.
    pub crates: BTreeMap<String, u64>,
}

/// Measures `stripped`, with the symbols of `unstripped`, the same binary before stripping.
///
/// # Errors
/// A file that cannot be read or is no ELF.
pub fn measure(stripped: &Path, unstripped: &Path) -> io::Result<Binary> {
    let stripped_bytes = fs::metadata(stripped)?.len();
    let data = fs::read(unstripped)?;
    let file = object::File::parse(&*data).map_err(io::Error::other)?;
    let is_loaded = |kind| {
        matches!(
            kind,
            SectionKind::Text
                | SectionKind::Data
                | SectionKind::ReadOnlyData
                | SectionKind::ReadOnlyDataWithRel
                | SectionKind::ReadOnlyString
                | SectionKind::Tls
                | SectionKind::Elf(_)
                | SectionKind::Linker
                | SectionKind::Note
        )
    };
    let sections = file
        .sections()
        .filter(|section| is_loaded(section.kind()) && section.address() != 0 && section.size() > 0)
        .map(|section| (section.name().unwrap_or("?").to_owned(), section.size()))
        .collect();

    // Aliases share an address; each byte counts once.
    let mut by_address = BTreeMap::new();
    for symbol in file.symbols().filter(|symbol| matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data)) {
        if symbol.size() > 0 && symbol.is_definition() {
            by_address.insert(symbol.address(), (symbol.size(), symbol.name().unwrap_or_default().to_owned()));
        }
    }
    let mut crates = BTreeMap::new();
    for (size, name) in by_address.into_values() {
        *crates.entry(crate_of(&name)).or_default() += size;
    }
    Ok(Binary { stripped_bytes, sections, crates })
}

/// The crate a symbol belongs to: for `<A as B>::c`, that of `A`. What C and assembler files define has no path:
/// ring's own names say so, and the rest is musl and the compiler's runtime.
fn crate_of(symbol: &str) -> String {
    let name = format!("{:#}", rustc_demangle::demangle(symbol));
    if !name.contains("::") {
        let of_ring = [
            "ring_core",
            "ecp_nistz256",
            "fe_",
            "ge_",
            "x25519_",
            "k25519",
            "sha256_",
            "sha512_",
            "p256_",
            "p384_",
            "bn_",
            "aes_",
            "vpaes_",
            "gcm_",
            "ChaCha20",
            "chacha20",
            "poly1305",
            "bsaes_",
            "LIMBS_",
            "CRYPTO_",
            "GFp_",
        ];
        let is_ring = of_ring.iter().any(|prefix| name.starts_with(prefix));
        return if is_ring { "ring" } else { "musl and compiler runtime" }.to_owned();
    }
    let start = name.trim_start_matches(|character: char| "<&*([".contains(character) || character == ' ');
    let start = start.strip_prefix("mut ").or_else(|| start.strip_prefix("dyn ")).unwrap_or(start);
    let path: String = start.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    match path.as_str() {
        "core" | "alloc" | "std" | "std_detect" | "compiler_builtins" | "hashbrown" | "__rustc" | "gimli"
        | "addr2line" | "miniz_oxide" | "rustc_demangle" | "memchr" => "std".to_owned(),
        // A generic's parameter, or a primitive: std's blanket implementations.
        _ if path.len() <= 1 || PRIMITIVES.contains(&path.as_str()) => "std".to_owned(),
        _ => path,
    }
}

const PRIMITIVES: [&str; 14] =
    ["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "str", "bool"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_belong_to_crates() {
        for (symbol, name) in [
            ("homing::job::send::run", "homing"),
            ("<rustls::client::X as core::fmt::Debug>::fmt", "rustls"),
            ("<&mut ureq::Body as std::io::Read>::read", "ureq"),
            ("core::fmt::write", "std"),
            ("<T as core::convert::Into<U>>::into", "std"),
            ("ring_core_0_17_14__x25519_sc_muladd", "ring"),
            ("memcpy", "musl and compiler runtime"),
        ] {
            assert_eq!(crate_of(symbol), name, "{symbol}");
        }
    }
}
