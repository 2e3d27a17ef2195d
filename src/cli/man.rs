//! `hook man`: the man pages, made from the definition of the command line.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap_mangen::Man;

use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fs::whole_file;

/// Print the man page, or write all of them
#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// Write the pages of all commands to this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A man page and the name of its file.
pub struct ManPage {
    /// Such as `hook-send.1`.
    pub name: String,
    /// In roff.
    pub text: Vec<u8>,
}

pub(super) fn run(session: &Session, args: &ManArgs) -> Result<Exit> {
    let mut pages = pages().map_err(|error| Error::internal("cannot generate the man pages").cause(error))?;
    let Some(folder) = &args.out else {
        let first = pages.swap_remove(0);
        session.ui.raw(&first.text)?;
        return Ok(Exit::Ok);
    };
    let failed = |error| Error::internal(format!("`{}` cannot be written", folder.display())).cause(error);
    fs::create_dir_all(folder).map_err(failed)?;
    for page in &pages {
        let path = folder.join(&page.name);
        whole_file(&path, &page.text).map_err(failed)?;
        session.ui.line(&format!("wrote {}", path.display()))?;
    }
    Ok(Exit::Ok)
}

/// The page of the program, then one for each command that is not hidden, outer ones first.
pub fn pages() -> io::Result<Vec<ManPage>> {
    let mut program = super::definition();
    // Only a built command has the full names of its subcommands.
    program.build();
    let mut pages = Vec::new();
    add(&program, &mut pages)?;
    Ok(pages)
}

fn add(command: &clap::Command, pages: &mut Vec<ManPage>) -> io::Result<()> {
    let version = super::definition().get_version().unwrap_or_default().to_owned();
    let man = Man::new(command.clone())
        .source(format!("hook {version}"))
        .manual("hook");
    let mut text = Vec::new();
    man.render(&mut text)?;
    pages.push(ManPage {
        name: man.get_filename(),
        text,
    });
    command
        .get_subcommands()
        // `hook man` itself is for packagers.
        .filter(|inner| !inner.is_hide_set())
        .try_for_each(|inner| add(inner, pages))
}
