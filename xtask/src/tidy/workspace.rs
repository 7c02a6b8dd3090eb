//! What the checks look at: the crates as cargo sees them, and the text of every file as a reader sees it.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, MetadataCommand, Package};

#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) crates: Vec<Crate>,
    pub(crate) files: Vec<TextFile>,
}

#[derive(Debug)]
pub(crate) struct Crate {
    pub(crate) name: String,
    /// From the root of the workspace, with `/` on every platform.
    pub(crate) folder: String,
    /// Normal and build dependencies. Tests may use what they like, so dev-dependencies are left out.
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) in_workspace: bool,
    pub(crate) optional: bool,
}

#[derive(Debug)]
pub(crate) struct TextFile {
    /// From the root of the workspace, with `/` on every platform.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Workspace {
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        read_folder(root, root, &mut files)?;
        Ok(Self { crates: read_crates(root)?, files })
    }
}

impl Crate {
    pub(crate) fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }

    pub(crate) fn owns(&self, file: &TextFile) -> bool {
        file.path.strip_prefix(&self.folder).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl TextFile {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Whether the whole file is tests: anything below a `tests/` folder, and the `tests.rs` beside a module.
    pub(crate) fn is_test(&self) -> bool {
        self.name() == "tests.rs" || self.path.split('/').any(|folder| folder == "tests")
    }
}

pub(crate) fn find<'a>(files: &'a [TextFile], path: &str) -> Option<&'a TextFile> {
    files.iter().find(|file| file.path == path)
}

fn read_crates(root: &Path) -> Result<Vec<Crate>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata failed: is every Cargo.toml well-formed?")?;
    let packages = metadata.workspace_packages();
    let names: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    Ok(packages.iter().map(|package| read_crate(root, package, &names)).collect())
}

fn read_crate(root: &Path, package: &Package, workspace: &BTreeSet<&str>) -> Crate {
    let folder = package.manifest_path.parent().expect("a Cargo.toml is in a folder").as_std_path();
    let dependencies = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development)
        .map(|dependency| Dependency {
            name: dependency.name.clone(),
            in_workspace: dependency.path.is_some() && workspace.contains(dependency.name.as_str()),
            optional: dependency.optional,
        })
        .collect();
    Crate { name: package.name.to_string(), folder: relative(root, folder), dependencies }
}

/// What is built is not looked at: the book, and what cargo marks with `CACHEDIR.TAG` wherever it is.
fn read_folder(root: &Path, folder: &Path, files: &mut Vec<TextFile>) -> Result<()> {
    let cannot_read = || format!("{} cannot be read", folder.display());
    let mut entries = fs::read_dir(folder).with_context(cannot_read)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            let hidden = name.to_string_lossy().starts_with('.');
            let built = name == "target" || path.join("CACHEDIR.TAG").exists() || relative(root, &path) == "docs/book";
            if !hidden && !built {
                read_folder(root, &path, files)?;
            }
            continue;
        }
        match fs::read_to_string(&path) {
            Ok(text) => files.push(TextFile { path: relative(root, &path), text }),
            // A picture is not text, and an editor's lock may be gone again or point nowhere.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::NotFound) => {}
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }
    Ok(())
}

fn relative(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Made-up workspaces for the tests of the checks.
#[cfg(test)]
pub(crate) mod made_up {
    use super::*;

    /// A crate that depends on the named crates of the workspace.
    pub(crate) fn a_crate(name: &str, dependencies: &[&str]) -> Crate {
        let dependencies = dependencies
            .iter()
            .map(|name| Dependency { name: (*name).to_owned(), in_workspace: true, optional: false })
            .collect();
        Crate { name: name.to_owned(), folder: format!("crates/{name}"), dependencies }
    }

    pub(crate) fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: path.to_owned(), text: text.to_owned() }
    }
}
