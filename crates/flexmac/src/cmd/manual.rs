//! `flexmac man` and `flexmac completions`: made from the definitions that parse the flags, so that
//! they always agree with the program.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use flexmac_fileio::atomic;

/// Flags of `flexmac man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Folder for one page a command: flexmac.1, flexmac-gen.1 and so on [default: flexmac.1 alone,
    /// on standard output]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Flags of `flexmac completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell to write completions for
    shell: Shell,
}

/// Writes the manual of `command`.
///
/// # Errors
/// A folder or file that cannot be written.
pub fn man(args: &ManArgs, command: Command) -> Result<()> {
    let mut command = command.disable_help_subcommand(true);
    // Gives subcommands their full names and inherited flags.
    command.build();
    match &args.out {
        None => std::io::stdout().write_all(&render(&command)?).map_err(Into::into),
        Some(folder) => {
            fs::create_dir_all(folder)
                .with_context(|| format!("man: create {}", folder.display()))?;
            write_pages(&command, folder)
        }
    }
}

fn write_pages(command: &Command, folder: &Path) -> Result<()> {
    let path = folder.join(format!("{}.1", page_name(command)));
    atomic::write(&path, render(command)?)
        .with_context(|| format!("man: write {}", path.display()))?;
    command.get_subcommands().try_for_each(|command| write_pages(command, folder))
}

fn render(command: &Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone()).title(page_name(command)).manual("flexmac").render(&mut page)?;
    Ok(page)
}

fn page_name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// Writes a shell's completions of `command` to standard output.
///
/// # Errors
/// A standard output that cannot be written to.
pub fn completions(args: &CompletionsArgs, mut command: Command) -> Result<()> {
    let mut text = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, name, &mut text);
    std::io::stdout().write_all(&text).map_err(Into::into)
}
