//! The rules of a directory that go across fields.

use std::collections::{HashMap, HashSet};

use crate::error::DirectoryError;
use crate::limits::{MAX_ADDRESSES, MAX_FINGERPRINTS, MAX_MEMBERS, MAX_NAMES, MAX_RULES, MAX_TEXT};
use crate::model::{Directory, Group, Member, Role, Rule};
use crate::values::OrAny;

type Checked = Result<(), DirectoryError>;

impl Directory {
    /// Checks what the types cannot express: limits, that every name stands for one thing only, that every rule names
    /// members or groups that exist, and what each role must have.
    ///
    /// # Errors
    /// The first rule that is broken, with its place.
    pub fn check(&self) -> Result<(), DirectoryError> {
        directory(self)
    }
}

fn directory(directory: &Directory) -> Checked {
    if directory.version == 0 {
        return Err(DirectoryError::invalid("version", "the first version is 1"));
    }
    if directory.issued > directory.expires {
        return Err(DirectoryError::invalid("expires", "is before 'issued'"));
    }
    at_most("members", directory.members.len(), MAX_MEMBERS)?;
    at_most("permissions", directory.permissions.len(), MAX_RULES)?;
    for (number, each) in directory.members.iter().enumerate() {
        let place = format!("member {} ('{}')", number + 1, each.id);
        member(each).map_err(|problem| DirectoryError::invalid(place, problem))?;
    }
    let names = Names::collect(directory)?;
    for (number, each) in directory.permissions.iter().enumerate() {
        let place = format!("permission {}", number + 1);
        rule(each, &names).map_err(|problem| DirectoryError::invalid(place, problem))?;
    }
    Ok(())
}

fn at_most(place: &str, count: usize, limit: usize) -> Checked {
    if count > limit {
        return Err(DirectoryError::invalid(place, format!("{count} entries, at most {limit} are accepted")));
    }
    Ok(())
}

/// What one member must have and must not have.
fn member(member: &Member) -> Result<(), String> {
    plain_text("name", &member.name)?;
    few("groups", member.groups.len(), MAX_NAMES)?;
    few("fingerprints", member.fingerprints.len(), MAX_FINGERPRINTS)?;
    few("addresses", member.addresses.len(), MAX_ADDRESSES)?;
    if let (Some(from), Some(until)) = (member.valid_from, member.valid_until)
        && from > until
    {
        return Err("'valid_until' is before 'valid_from'".into());
    }
    keys_of_role(member)?;
    addresses_of_role(member)
}

fn keys_of_role(member: &Member) -> Result<(), String> {
    let role = member.role.as_str();
    if member.role.signs() != member.signing_key.is_some() {
        let needs = if member.role.signs() { "needs" } else { "has no" };
        return Err(format!("a member with role {role} {needs} 'signing_key'"));
    }
    if member.role != Role::Vendor && member.fingerprints.is_empty() {
        return Err(format!("a member with role {role} needs at least one of 'fingerprints'"));
    }
    Ok(())
}

fn addresses_of_role(member: &Member) -> Result<(), String> {
    match member.role {
        Role::Outer if member.addresses.is_empty() => {
            return Err("an outer proxy needs at least one of 'addresses', where senders find it".into());
        }
        Role::Office | Role::Vendor if !member.addresses.is_empty() => {
            return Err("only proxies have 'addresses': nothing listens at an office or a vendor".into());
        }
        _ => {}
    }
    match member.addresses.iter().find(|address| !is_address(address)) {
        Some(bad) => Err(format!("'{}' is not an address: write host:port", bad.escape_debug())),
        None => Ok(()),
    }
}

fn few(field: &str, count: usize, limit: usize) -> Result<(), String> {
    if count > limit { Err(format!("{count} {field}, at most {limit} are accepted")) } else { Ok(()) }
}

/// Names are shown on terminals: no control characters.
fn plain_text(field: &str, text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_control) {
        return Err(format!("'{field}' must have 1 to {MAX_TEXT} bytes and no control characters"));
    }
    Ok(())
}

/// `host:port`, the host being a DNS name, an IPv4 address, or an IPv6 address in brackets.
fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0);
    let is_host = match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)),
    };
    text.len() <= MAX_TEXT && is_port && is_host
}

/// Everything that a rule can name.
struct Names<'a> {
    members: HashMap<&'a str, Role>,
    groups: HashSet<&'a Group>,
}

impl<'a> Names<'a> {
    /// Refuses whatever would make one name or key stand for two members.
    fn collect(directory: &'a Directory) -> Result<Self, DirectoryError> {
        let mut names = Self { members: HashMap::new(), groups: HashSet::new() };
        let (mut fingerprints, mut signing_keys) = (HashMap::new(), HashMap::new());
        for member in &directory.members {
            let place = || format!("member '{}'", member.id);
            if names.members.insert(member.id.as_str(), member.role).is_some() {
                return Err(DirectoryError::invalid(place(), "stands in the directory twice"));
            }
            for fingerprint in &member.fingerprints {
                if let Some(other) = fingerprints.insert(fingerprint, member.id) {
                    let problem = format!("fingerprint {fingerprint} is that of '{other}' already");
                    return Err(DirectoryError::invalid(place(), problem));
                }
            }
            if let Some(other) = member.signing_key.as_ref().and_then(|key| signing_keys.insert(key, member.id)) {
                let problem = format!("its signing key is that of '{other}' already");
                return Err(DirectoryError::invalid(place(), problem));
            }
            names.groups.extend(&member.groups);
        }
        match names.groups.iter().find(|group| names.members.contains_key(group.as_str())) {
            Some(group) => {
                Err(DirectoryError::invalid(format!("group '{group}'"), "a member has the same name; rename the group"))
            }
            None => Ok(names),
        }
    }

    fn find(&self, field: &str, name: &Group, fits: impl Fn(Role) -> bool) -> Result<(), String> {
        match self.members.get(name.as_str()) {
            Some(role) if fits(*role) => Ok(()),
            Some(role) => Err(format!("'{field}' names '{name}', whose role is {}", role.as_str())),
            None if self.groups.contains(name) => Ok(()),
            None => Err(format!("'{field}' names '{name}', which is neither a member nor a group")),
        }
    }
}

fn rule(rule: &Rule, names: &Names<'_>) -> Result<(), String> {
    let lists = [("from", rule.from.len()), ("kinds", rule.kinds.len()), ("to", rule.to.len())];
    for (field, count) in lists {
        if count == 0 {
            return Err(format!("'{field}' is empty: name somebody, or write [\"*\"]"));
        }
        few(field, count, MAX_NAMES)?;
    }
    for name in named(&rule.from) {
        names.find("from", name, Role::signs)?;
    }
    for name in named(&rule.to) {
        names.find("to", name, |role| role == Role::Office)?;
    }
    Ok(())
}

fn named(list: &[OrAny<Group>]) -> impl Iterator<Item = &Group> {
    list.iter().filter_map(|entry| match entry {
        OrAny::Any => None,
        OrAny::One(name) => Some(name),
    })
}
