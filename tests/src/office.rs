//! An office: its receiver as a process, and what its staff's programs do over the local API.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use schleuse_client::Ticket;
use serde_json::{Value, json};

use crate::binaries::binaries;
use crate::daemon::Daemon;
use crate::member::TestMember;
use crate::wait::{SOON, until_true};

/// One office.
pub struct Office {
    member: TestMember,
    daemon: Daemon,
    /// Where this receiver's configuration and socket are: an office may have several receivers.
    folder: PathBuf,
}

/// The answer of the local API.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.body)))
    }
}

impl Office {
    /// In a network namespace, if there is one.
    pub(crate) fn new(member: TestMember, namespace: Option<String>) -> Self {
        let folder = member.folder.clone();
        let office = Self::in_folder(member, folder);
        Self { daemon: office.daemon.within(namespace), ..office }
    }
    fn in_folder(member: TestMember, folder: PathBuf) -> Self {
        let arguments = ["run".into(), "--config".into(), folder.join("receiver.toml").into_os_string()];
        let daemon = Daemon::new(member.id.as_str(), &binaries().receiver, arguments, &folder.join("log"));
        Self { member, daemon, folder }
    }

    /// Another receiver of this office, with the same keys of the member; its database, which is not there yet, its
    /// key-encryption key and its socket are in a folder of its own. It is not started.
    pub fn another_receiver(&self, name: &str) -> Self {
        let another = Self::in_folder(self.member.clone(), self.member.file(name));
        fs::create_dir(&another.folder).expect("a new folder");
        let text = fs::read_to_string(self.config()).expect("it was written");
        let text = ["cert.pem", "tls.key", "signing.key", "../ca.pem", "../directory.json", "../root-keys.toml"]
            .iter()
            .fold(text, |text, file| text.replace(&format!("\"{file}\""), &format!("\"../{file}\"")));
        fs::write(another.config(), text).expect("the folder can be written");
        // `copy` keeps the permissions.
        fs::copy(self.folder.join("kek"), another.folder.join("kek")).expect("the key of the first");
        another
    }

    /// A file of this receiver.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Its keys.
    pub fn member(&self) -> &TestMember {
        &self.member
    }

    /// Its process.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.join("receiver.toml")
    }

    /// Mints a ticket; `options` are fields of the request.
    pub fn mint(&self, options: &[(&str, Value)]) -> Ticket {
        let answer = self.ask("POST", "/v1/tickets", &request(options));
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        let uri = answer.json()["tickets"][0]["ticket"].as_str().expect("a ticket").to_owned();
        uri.parse().expect("a ticket's URI")
    }

    /// The complete submissions, newest first.
    pub fn inbox(&self) -> Vec<Value> {
        let mut all = Vec::new();
        let mut path = "/v1/inbox?limit=200".to_owned();
        loop {
            let answer = self.ask("GET", &path, "");
            assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
            let page = answer.json();
            all.extend(page["submissions"].as_array().expect("a list").iter().cloned());
            match page["next"].as_str() {
                Some(next) => path = format!("/v1/inbox?limit=200&after={next}"),
                None => return all,
            }
        }
    }

    /// The inbox's line of a ticket's submission.
    ///
    /// # Panics
    /// It stands there more than once.
    pub fn submission(&self, ticket: &Ticket) -> Option<Value> {
        let id = ticket.body().id.to_string();
        let mut lines: Vec<Value> = self.inbox().into_iter().filter(|line| line["id"] == id).collect();
        assert!(lines.len() < 2, "{lines:?}");
        lines.pop()
    }

    /// The content of a ticket's submission.
    pub fn read(&self, ticket: &Ticket) -> Option<Vec<u8>> {
        let answer = self.ask("GET", &format!("/v1/submissions/{}/content", ticket.body().id), "");
        (answer.status == 200).then_some(answer.body)
    }

    /// Deletes a ticket's submission.
    pub fn delete(&self, ticket: &Ticket) -> u16 {
        self.ask("DELETE", &format!("/v1/submissions/{}", ticket.body().id), "").status
    }

    /// What the daemon says of itself.
    pub fn status(&self) -> Option<Value> {
        self.try_ask("GET", "/v1/status", "").ok().filter(|answer| answer.status == 200).map(|answer| answer.json())
    }

    /// Waits until it is connected with so many inner proxies and has tokens of each.
    pub fn wait_ready(&self, inners: usize) {
        until_true(&format!("{} is ready", self.member.id), SOON, || {
            assert!(self.daemon.is_running(), "{} has ended: {}", self.member.id, self.daemon.log());
            self.ready_inners() == inners
        });
    }

    /// With how many inner proxies it is connected and has tokens of them.
    pub fn ready_inners(&self) -> usize {
        let Some(status) = self.status() else { return 0 };
        let Some(inners) = status["links"].as_array() else { return 0 };
        let ready = |inner: &&Value| inner["up"] == true && inner["tokens"].as_u64() > Some(0);
        inners.iter().filter(ready).count()
    }

    /// What is suspicious about an inner proxy, in its own words.
    pub fn complaints(&self, inner: &str) -> String {
        let status = self.status().unwrap_or_default();
        let links = status["links"].as_array().cloned().unwrap_or_default();
        let of_inner = links.iter().filter(|link| link["inner"] == inner);
        of_inner.map(|link| format!("{} {}", link["complaints"], link["trouble"])).collect()
    }

    /// Asks the local API.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        self.try_ask(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Asks the local API; an error if nobody answers.
    pub fn try_ask(&self, method: &str, path: &str, body: &str) -> std::io::Result<Answer> {
        let mut stream = UnixStream::connect(self.folder.join("api.sock"))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        parse(&answer).ok_or_else(|| std::io::ErrorKind::InvalidData.into())
    }
}

fn request(options: &[(&str, Value)]) -> String {
    let mut request = json!({});
    for (name, value) in options {
        request[*name] = value.clone();
    }
    request.to_string()
}

/// An HTTP/1.1 response, with or without chunks.
fn parse(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = (std::str::from_utf8(&answer[..end]).ok()?.to_ascii_lowercase(), &answer[end + 4..]);
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    let body = if head.contains("transfer-encoding: chunked") { unchunk(body)? } else { body.to_vec() };
    Some(Answer { status, body })
}

/// RFC 9112, 7.1.
fn unchunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let line = body.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&body[..line]).ok()?.trim(), 16).ok()?;
        body = &body[line + 2..];
        if length == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(body.get(..length)?);
        body = body.get(length + 2..)?;
    }
}
