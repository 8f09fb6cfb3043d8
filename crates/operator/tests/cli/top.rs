//! Help, completions, wrong usage.

use crate::{run, schleuse};

const COMMANDS: [&str; 8] = ["pki", "directory", "ticket", "payload", "send", "receipt", "check", "completions"];

#[test]
fn help_names_every_command_and_the_exit_codes() {
    for arguments in [["help"], ["--help"]] {
        let help = schleuse(arguments);
        assert_eq!(help.code, 0, "{help:?}");
        for command in COMMANDS {
            assert!(help.stdout.contains(&format!("\n  {command} ")), "{command} is missing:\n{}", help.stdout);
        }
        assert!(help.stdout.contains("75 try again later"), "{}", help.stdout);
    }
}

#[test]
fn every_command_has_help() {
    for command in COMMANDS {
        let help = run!(command, "--help");
        assert_eq!(help.code, 0, "{help:?}");
        assert!(help.stdout.contains("Usage: schleuse"), "{help:?}");
    }
}

#[test]
fn the_help_of_send_tells_when_to_repeat() {
    let help = run!("help", "send").stdout;
    assert!(help.contains("After exit code 75 the same command can be repeated"), "{help}");
}

#[test]
fn completions_are_scripts_that_know_the_commands() {
    for (shell, mark) in [("bash", "complete -F"), ("zsh", "#compdef schleuse"), ("fish", "complete -c schleuse")] {
        let run = run!("completions", shell);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(run.stdout.contains(mark), "{shell}: {}", &run.stdout[..200]);
        assert!(run.stdout.contains("receipt"), "{shell}");
    }
    let json = run!("completions", "bash", "--json").json();
    assert_eq!(json["shell"], "bash");
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [
        vec!["nonsense"],
        vec!["--once", "completions", "bash"],
        vec!["send"],
        vec!["completions", "tcsh"],
        vec!["ticket", "convert", "x"],
    ] {
        let run = schleuse(&arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {run:?}");
        assert!(run.stderr.starts_with("error: "), "{run:?}");
    }
}

#[test]
fn an_error_is_json_for_scripts() {
    let run = run!("--json", "directory", "show", "/nonexistent/directory.toml");
    assert_eq!(run.code, 74, "{run:?}");
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json["code"], 74);
    assert_eq!(json["retry"], false);
    assert!(json["error"].as_str().unwrap().contains("/nonexistent/directory.toml"), "{json}");
}
