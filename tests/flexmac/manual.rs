//! `flexmac man` and `flexmac completions` against what the program takes, and the binary on its
//! own: away from the source tree, with an empty home.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::support::npy::Matrix;
use crate::support::{Bench, SMALL, diagnostics, text, words};

/// Words of a help text that are flags.
fn flags(help: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    help.split(|c| !is_part(c))
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .map(|word| word.trim_end_matches('-').to_owned())
        .collect()
}

/// The commands of a help text: its lines under "Commands:", `help` apart.
fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    // Names stand two columns in, what continues a line further.
    let names = listed.filter_map(|line| {
        let line = line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?;
        line.split_whitespace().next().map(str::to_owned)
    });
    names.filter(|name| name != "help").collect()
}

/// Every command, by its words, with its help text; those that have commands of their own too.
fn every_command(bench: &Bench) -> Vec<(Vec<String>, String)> {
    let (mut all, mut next) = (Vec::new(), vec![Vec::<String>::new()]);
    while let Some(command) = next.pop() {
        let help = bench.run(&[command.clone(), vec!["--help".to_owned()]].concat());
        next.extend(commands(&help).into_iter().map(|name| [command.clone(), vec![name]].concat()));
        all.push((command, help));
    }
    assert!(all.len() > 14, "{} commands", all.len());
    all
}

#[test]
fn every_command_has_a_page_and_every_flag_is_on_it() {
    let bench = Bench::new();
    bench.run(&["man", "--out", "man"]);
    let mut pages: BTreeSet<_> = bench.files("man").into_keys().collect();
    for (command, help) in every_command(&bench) {
        let name = [vec!["flexmac".to_owned()], command].concat().join("-") + ".1";
        assert!(pages.remove(&name), "no page {name}");
        let page = fs::read_to_string(bench.path("man").join(&name)).unwrap().replace('\\', "");
        let missing: Vec<_> =
            flags(&help).into_iter().filter(|flag| !page.contains(flag.as_str())).collect();
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
    }
    assert!(pages.is_empty(), "pages of no command: {pages:?}");
    let page = fs::read_to_string(bench.path("man/flexmac.1")).unwrap();
    assert_eq!(bench.run(&["man"]), page);
}

#[test]
fn a_manual_that_cannot_be_written_is_one_error() {
    let bench = Bench::new();
    fs::write(bench.path("file"), "").unwrap();
    let error = bench.fail(2, &["man", "--out", "file/man"]);
    assert_eq!(error, "error: man: create file/man: Not a directory (os error 20)\n");
}

#[test]
fn every_shell_gets_every_command_and_flag() {
    let bench = Bench::new();
    let all = every_command(&bench);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = bench.run(&["completions", shell]);
        for (command, help) in &all {
            let last = command.last().map_or("flexmac", String::as_str);
            assert!(script.contains(last), "{shell}: no {last}");
            if shell == "fish" && command.len() > 2 {
                continue; // clap_complete's fish goes two commands deep
            }
            for flag in flags(help) {
                // fish names a flag without its dashes.
                let flag = if shell == "fish" { &flag[2..] } else { &flag };
                assert!(script.contains(flag), "{shell}: {command:?} lacks {flag}");
            }
        }
    }
    let error = bench.fail(2, &["completions", "tcsh"]);
    assert!(error.contains("[possible values: bash, elvish, fish, powershell, zsh]"), "{error}");
}

/// What bash offers for a line, by the script itself.
fn bash_offers(bench: &Bench, line: &str) -> Vec<String> {
    fs::write(bench.path("flexmac.bash"), bench.run(&["completions", "bash"])).unwrap();
    let script = format!(
        "source ./flexmac.bash; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
         _flexmac flexmac \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let output =
        Command::new("bash").args(["-c", &script]).current_dir(bench.path("")).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).split_whitespace().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let bench = Bench::new();
    assert_eq!(bash_offers(&bench, "flexmac tra"), ["train"]);
    assert_eq!(
        bash_offers(&bench, "flexmac train --check"),
        ["--checkpoint-every", "--check-rate"]
    );
    let policies = ["static", "na2016", "courbariaux2014", "taras2018", "planewise"];
    assert_eq!(bash_offers(&bench, "flexmac train --policy ''"), policies);
    assert_eq!(bash_offers(&bench, "flexmac train --nonsense"), Vec::<String>::new());
}

/// A copy of the binary elsewhere, a home with nothing in it and nothing of cargo's in sight
/// generates, multiplies and trains on the RTL, synthesizes and reports.
#[test]
fn the_binary_needs_nothing_of_its_source_tree() {
    let bench = Bench::new();
    fs::create_dir(bench.path("home")).unwrap();
    // By another process: this one has threads, whose children would hold a file that it wrote open,
    // and a program that is open for writing does not start.
    let copied = Command::new("cp")
        .args([env!("CARGO_BIN_EXE_flexmac").as_ref(), bench.path("moved").as_os_str()])
        .status();
    assert!(copied.unwrap().success());
    bench.write("a.npy", &Matrix::new(3, 2, [1, -2, 3, -4, 5, -6]));
    bench.write("b.npy", &Matrix::new(2, 3, [7, 8, 9, -10, -11, -12]));
    let moved = |line: &str| {
        let mut command = assert_cmd::Command::new(bench.path("moved"));
        let output = command
            .args(words(line))
            .current_dir(bench.path(""))
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", bench.path("home"))
            .timeout(std::time::Duration::from_secs(300))
            .assert()
            .success();
        (text(&output.get_output().stdout), diagnostics(output.get_output()))
    };
    moved(&format!("gen --out d {}", SMALL.join(" ")));
    moved("gemm --config d --engine checked --a a.npy --b b.npy --bits-a 8 --bits-b 8 --out c.npy");
    let (summary, _) = moved(
        "train --config d --net mlp --data synthetic --engine reference --policy static --bits 8 \
         --iters 2 --batch 4 --eval-images 10 --out run",
    );
    assert!(summary.starts_with("iterations       2\n"), "{summary}");
    moved("report run --out page.html");
    assert!(fs::metadata(bench.path("page.html")).unwrap().len() > 10_000);
    moved("synth --config d --target generic --top flexmac_pe --out gates");
    moved("sweep --study smoke --out study --write-only");
    // Models went into this home's cache: nothing was taken from another place.
    assert!(bench.path("home/.cache/flexmac").is_dir(), "{:?}", bench.files("home").keys());
}
