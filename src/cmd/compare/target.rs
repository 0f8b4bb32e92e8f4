//! What is compared, as the user wrote it: a URL, a server's command line with its ready address,
//! or a wsbench binary.
//!
//! Separate from `run`, which runs one. Every error that can be found before anything starts
//! is found here.

use crate::config::nearest;
use crate::os::is_executable;
use crate::plan::{ANY_PORT, Address, PORT, UrlParts};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Between a server's command line and its ready address.
const AT: &str = " @ ";
/// How long a program may take to print its version.
const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// A side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CompareTarget {
    /// A server that is running already.
    Url(String),
    /// A server's command line, and the address at which it will listen.
    Command {
        /// As the user wrote it, without the address.
        line: String,
        /// The program and its arguments.
        words: Vec<String>,
        /// Its address; may hold `{port}`.
        url: String,
        /// The folder to start it in; absent for the current one.
        folder: Option<PathBuf>,
    },
    /// Another wsbench, with its own driver and reference server.
    Binary {
        /// The executable.
        path: PathBuf,
        /// Its answer to `--version`.
        version: String,
    },
}

impl fmt::Display for CompareTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompareTarget::Url(url) => write!(f, "{url}, running already"),
            CompareTarget::Command { line, url, folder: None, .. } => {
                write!(f, "`{line}` at {url}")
            }
            CompareTarget::Command { line, url, folder: Some(folder), .. } => {
                write!(f, "`{line}` at {url}, in {}", folder.display())
            }
            CompareTarget::Binary { path, version } => write!(f, "{} ({version})", path.display()),
        }
    }
}

impl CompareTarget {
    /// Parses a target, and checks that its program exists.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub(crate) fn parse(text: &str) -> Result<CompareTarget, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty; write a URL, a server's command line with its address as \
                        in './server @ http://127.0.0.1:9000', or the path of a wsbench"
                .to_owned());
        }
        if Path::new(text).is_file() {
            return binary(text);
        }
        match WrittenTarget::parse(text)? {
            WrittenTarget::Url(url) => Address::resolve(&url).map(|_| CompareTarget::Url(url)),
            WrittenTarget::Command { line, words, url } => {
                Address::resolve(&url.replace(PORT, ANY_PORT))?;
                find(&words[0])?;
                Ok(CompareTarget::Command { line, words, url, folder: None })
            }
            WrittenTarget::Binary(path) => binary(&path),
        }
    }

    /// Returns the target of a folder in which a commit was built: a command line is started there, and
    /// the path of a program is one below it.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub(crate) fn in_folder(text: &str, folder: &Path) -> Result<CompareTarget, String> {
        match WrittenTarget::parse(text.trim())? {
            WrittenTarget::Url(url) => Err(format!(
                "{url} is a server that runs already, and of no commit: write how a commit's server is \
                 started, as in './server --port {PORT}{AT}http://127.0.0.1:{PORT}'"
            )),
            WrittenTarget::Command { line, words, url } => {
                Address::resolve(&url.replace(PORT, ANY_PORT))?;
                Ok(CompareTarget::Command { line, words, url, folder: Some(folder.to_owned()) })
            }
            WrittenTarget::Binary(path) => binary(&folder.join(path).display().to_string()),
        }
    }

    /// Checks the text of a target of a folder that is not there yet.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub(crate) fn check_in_folder(text: &str) -> Result<(), String> {
        match WrittenTarget::parse(text.trim())? {
            WrittenTarget::Binary(_) => Ok(()),
            WrittenTarget::Url(_) | WrittenTarget::Command { .. } => {
                CompareTarget::in_folder(text, Path::new(".")).map(drop)
            }
        }
    }

    /// This program itself.
    ///
    /// # Errors
    /// If the system does not know its path.
    pub(crate) fn itself() -> Result<CompareTarget, String> {
        let path = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
        let version = crate::report::PROGRAM.to_owned();
        Ok(CompareTarget::Binary { path, version })
    }

    /// Whether another one is a build of the same server: started by the same command line, but for the
    /// folders of its files, and for what one of them has behind it, as a further option.
    pub(crate) fn is_build_of(&self, other: &CompareTarget) -> bool {
        // A word may be an option with a file.
        let name = |word: &String| word.rsplit('/').next().unwrap_or_default().to_owned();
        match (self, other) {
            (
                CompareTarget::Command { words, .. },
                CompareTarget::Command { words: others, .. },
            ) => {
                words.iter().map(name).zip(others.iter().map(name)).all(|(one, other)| one == other)
            }
            (CompareTarget::Binary { .. }, CompareTarget::Binary { .. }) => true,
            (CompareTarget::Url(url), CompareTarget::Url(other)) => url == other,
            _ => false,
        }
    }

    /// The `--set` arguments that put it in the place of a scenario's server; none for a binary.
    pub(crate) fn overrides(&self, ready_ns: Option<u64>) -> Vec<String> {
        // A JSON string is a TOML string, and a list a list.
        match self {
            CompareTarget::Url(url) => {
                vec![format!("server.url={url:?}"), "server.command=[]".to_owned()]
            }
            CompareTarget::Command { words, url, .. } => {
                let words = serde_json::Value::from(words.as_slice());
                let limit = ready_ns.map(|ns| format!("server.ready_timeout={ns}ns"));
                let all = [format!("server.url={url:?}"), format!("server.command={words}")];
                all.into_iter().chain(limit).collect()
            }
            CompareTarget::Binary { .. } => Vec::new(),
        }
    }
}

/// A target as it is written: neither names nor files were looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WrittenTarget {
    /// A URL.
    Url(String),
    /// A command line with at least one word, and its address.
    Command { line: String, words: Vec<String>, url: String },
    /// The path or name of a program.
    Binary(String),
}

impl WrittenTarget {
    /// Parses a target that is not the path of a file.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub(crate) fn parse(text: &str) -> Result<WrittenTarget, String> {
        match text.rsplit_once(AT).or(text.strip_prefix("@ ").map(|url| ("", url))) {
            Some((line, url)) => command(line.trim(), url.trim()),
            None => without_address(text),
        }
    }
}

fn command(line: &str, url: &str) -> Result<WrittenTarget, String> {
    if let Err(why) = UrlParts::parse(&url.replace(PORT, ANY_PORT)) {
        return Err(format!("{why}{}", schemed(url)));
    }
    let Some(words) = shlex::split(line) else {
        return Err(format!("the quotes in `{line}` do not close"));
    };
    if words.first().is_none_or(String::is_empty) {
        return Err(format!("there is no program before \"{}\"", AT.trim()));
    }
    let in_line = line.contains(PORT);
    let in_url = url.contains(PORT);
    if in_line != in_url {
        let (has, lacks) =
            if in_line { ("command line", "address") } else { ("address", "command line") };
        return Err(format!(
            "{PORT} is in the {has} and not in the {lacks}: the server would listen elsewhere"
        ));
    }
    Ok(WrittenTarget::Command { line: line.to_owned(), words, url: url.to_owned() })
}

fn without_address(text: &str) -> Result<WrittenTarget, String> {
    let one_word = !text.contains(char::is_whitespace);
    if one_word && text.contains("://") {
        return UrlParts::parse(text).map(|_| WrittenTarget::Url(text.to_owned()));
    }
    if one_word && !text.contains('/') && !schemed(text).is_empty() {
        return Err(format!("{text:?} is no target{}", schemed(text)));
    }
    let words = shlex::split(text).unwrap_or_default();
    if let [program] = words.as_slice() {
        return Ok(WrittenTarget::Binary(program.clone()));
    }
    let hint = match words.last().filter(|word| word.contains("://")) {
        Some(url) => format!("write \"@\" before {url}, with a space on either side"),
        None => format!("append it as in '{text}{AT}http://127.0.0.1:9000'"),
    };
    Err(format!("the command line `{text}` has no ready address: {hint}"))
}

/// A hint, if only the scheme of an address is missing.
fn schemed(text: &str) -> String {
    let url = format!("http://{text}");
    let whole = !text.contains("://") && text.contains(':');
    match UrlParts::parse(&url.replace(PORT, ANY_PORT)) {
        Ok(_) if whole => format!(", did you mean {url:?}?"),
        _ => String::new(),
    }
}

/// The wsbench at a path. Its `--version` must say that it is one.
fn binary(text: &str) -> Result<CompareTarget, String> {
    let path = find(text)?;
    let version = version(&path).map_err(|why| {
        format!(
            "{text} is no wsbench ({why}); a server's command line needs its ready address: \
             '{text}{AT}http://127.0.0.1:9000'"
        )
    })?;
    Ok(CompareTarget::Binary { path, version })
}

fn version(path: &Path) -> Result<String, String> {
    let mut child = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("it cannot be started: {error}"))?;
    let until = Instant::now() + VERSION_LIMIT;
    while child.try_wait().map_err(|e| e.to_string())?.is_none() {
        if Instant::now() > until {
            // It may have ended at this moment.
            let _ = child.kill();
            let _ = child.wait();
            return Err("it does not answer --version".to_owned());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    // A version is short: all of it is in the pipe.
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().next().unwrap_or_default().trim();
    match line.strip_prefix("wsbench ") {
        Some(_) if output.status.success() => Ok(line.to_owned()),
        _ => Err(format!("it answers --version with {line:?}")),
    }
}

/// A program as a shell finds it: by its path, or in `PATH`.
fn find(program: &str) -> Result<PathBuf, String> {
    let path = Path::new(program);
    if program.contains('/') {
        return executable(path).map(|()| path.to_owned()).map_err(|why| {
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
            format!("{program}: {why}{}", similar(path, folder.unwrap_or(Path::new("."))))
        });
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join(program));
    match found.into_iter().find(|path| executable(path).is_ok()) {
        Some(path) => Ok(path),
        None if executable(path).is_ok() => {
            Err(format!("there is no program {program:?} in PATH, did you mean \"./{program}\"?"))
        }
        None => Err(format!("there is no program {program:?} in PATH{}", in_path(program))),
    }
}

fn executable(path: &Path) -> Result<(), String> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err("there is no such file".to_owned())
        }
        Err(error) => Err(error.to_string()),
        Ok(data) if data.is_dir() => Err("it is a folder".to_owned()),
        Ok(_) if is_executable(path) => Ok(()),
        Ok(_) => Err("it is not executable".to_owned()),
    }
}

/// A hint at a file of a similar name beside one that is missing.
fn similar(path: &Path, folder: &Path) -> String {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    if path.exists() {
        return String::new();
    }
    match near(name, folder) {
        Some(near) => format!(", did you mean {:?}?", folder.join(near).display().to_string()),
        None => String::new(),
    }
}

fn in_path(program: &str) -> String {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).find_map(|folder| near(program, &folder));
    found.map_or_else(String::new, |near| format!(", did you mean {near:?}?"))
}

fn near(name: &str, folder: &Path) -> Option<String> {
    let files = std::fs::read_dir(folder).ok()?.flatten();
    let files = files.filter(|entry| executable(&entry.path()).is_ok());
    let names: Vec<String> = files.filter_map(|e| e.file_name().into_string().ok()).collect();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    nearest(name, &known).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_at_sign_separates_and_words_are_those_of_a_shell() {
        let read = CompareTarget::parse("sh -c 'echo \" @ \" $1' @ http://127.0.0.1:{port}");
        assert!(read.unwrap_err().contains("not in the command line"));
        let text = "  sh -c 'echo \" @ \" {port}' x\\ y @ http://127.0.0.1:{port} ";
        let read = CompareTarget::parse(text).expect("it can be read");
        let CompareTarget::Command { words, url, line, .. } = &read else { panic!("{read:?}") };
        assert_eq!(*words, ["sh", "-c", "echo \" @ \" {port}", "x y"]);
        assert_eq!(url, "http://127.0.0.1:{port}");
        assert_eq!(line, "sh -c 'echo \" @ \" {port}' x\\ y");
        let expected = [
            "server.url=\"http://127.0.0.1:{port}\"",
            r#"server.command=["sh","-c","echo \" @ \" {port}","x y"]"#,
            "server.ready_timeout=5ns",
        ];
        assert_eq!(read.overrides(Some(5)), expected);
    }

    #[test]
    fn builds_of_one_server_differ_in_the_folders_of_their_files_and_in_further_options() {
        let target = |line: &str| CompareTarget::Command {
            line: line.to_owned(),
            words: line.split(' ').map(str::to_owned).collect(),
            url: "http://127.0.0.1:{port}".to_owned(),
            folder: None,
        };
        let base = target("old/server --port {port} --config old/a.conf");
        assert!(base.is_build_of(&target("new/server --port {port} --config new/a.conf")));
        assert!(base.is_build_of(&target("new/server --port {port}")));
        assert!(target("new/server").is_build_of(&base));
        for other in ["node a.js {port}", "new/other --port {port} --config a.conf"] {
            assert!(!base.is_build_of(&target(other)), "{other}");
        }
        let [one, other] =
            [1, 2].map(|port| CompareTarget::Url(format!("http://127.0.0.1:{port}")));
        assert!(!one.is_build_of(&other) && !base.is_build_of(&one));
    }

    #[test]
    fn a_url_is_a_server_that_runs() {
        let url = "http://127.0.0.1:8080".to_owned();
        assert_eq!(CompareTarget::parse(&url), Ok(CompareTarget::Url(url.clone())));
        assert_eq!(CompareTarget::Url(url).to_string(), "http://127.0.0.1:8080, running already");
    }

    #[test]
    fn this_program_is_a_wsbench_and_a_shell_is_none() {
        let why = CompareTarget::parse("sh").unwrap_err();
        assert!(why.contains("sh is no wsbench (it answers --version with"), "{why}");
        assert!(why.ends_with("'sh @ http://127.0.0.1:9000'"), "{why}");
        let itself = CompareTarget::itself().expect("it is somewhere");
        assert!(
            matches!(&itself, CompareTarget::Binary { version, .. } if version.starts_with("wsb"))
        );
        assert_eq!(itself.overrides(None), Vec::<String>::new());
    }

    #[test]
    fn what_cannot_be_a_target_is_refused() {
        let dir = tempfile::tempdir().expect("a folder can be made");
        std::fs::write(dir.path().join("plain"), "").expect("a file can be written");
        let plain = dir.path().join("plain").display().to_string();
        let folder = dir.path().display().to_string();
        for (text, part) in [
            ("", "it is empty"),
            ("htp://127.0.0.1:80", "unknown scheme"),
            ("127.0.0.1:8080", "did you mean \"http://127.0.0.1:8080\"?"),
            ("sh x @ 127.0.0.1:{port}", "did you mean \"http://127.0.0.1:{port}\"?"),
            ("sh x @ nowhere", "must begin with"),
            ("sh x @ http://127.0.0.1:1/path", "has a path"),
            ("sh 'x @ http://127.0.0.1:1", "do not close"),
            (" @ http://127.0.0.1:1", "there is no program before \"@\""),
            ("'' @ http://127.0.0.1:1", "there is no program before"),
            ("sh {port} @ http://127.0.0.1:1", "not in the address"),
            ("sh x http://127.0.0.1:1", "write \"@\" before http://127.0.0.1:1"),
            ("sh -c x", "append it as in 'sh -c x @ http://127.0.0.1:9000'"),
            ("slep 1 @ http://127.0.0.1:1", "did you mean \"sleep\"?"),
            ("./nothing-like-it @ http://127.0.0.1:1", "there is no such file"),
            (&plain, "it is not executable"),
            (&format!("{folder}/plane"), "there is no such file"),
            (&folder, "it is a folder"),
        ] {
            let why = CompareTarget::parse(text).unwrap_err();
            assert!(why.contains(part), "{text:?}: {why}");
        }
    }
}
