//! Lists the target files, so that a new one is a file and nothing else.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The folders of target files, and the names of the tables that list them.
const TABLES: [(&str, &str); 2] = [("rust/target", "TARGETS"), ("rust/template", "TEMPLATES")];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let mut tables = String::new();
    for (folder, table) in TABLES {
        println!("cargo::rerun-if-changed={folder}");
        let files = target_files(&root.join(folder))?;
        let _ = writeln!(tables, "const {table}: [(&str, &str); {}] = [", files.len());
        for file in files {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let file = file.to_string_lossy().into_owned();
            let _ = writeln!(tables, "    ({name:?}, include_str!({file:?})),");
        }
        tables.push_str("];\n");
    }
    fs::write(out.join("targets.rs"), tables)
}

/// The target files of a folder, by name.
fn target_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = entries.collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    files.sort_by_key(|file| file.file_stem().map(ToOwned::to_owned));
    Ok(files)
}
