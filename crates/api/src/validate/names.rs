//! Which names, label keys and label values Kubernetes takes, and its words for the others.

use std::collections::BTreeMap;

use super::FieldError;

/// Errors of a map of labels: each bad key, each bad value, at `path`.
pub(super) fn labels(labels: &BTreeMap<String, String>, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (key, value) in labels {
        errors.extend(label_key(key, path));
        errors.extend(label_value(value, path));
    }
    errors
}

/// Errors of the keys of a map of annotations; upper case is fine there.
pub(super) fn annotations<'a>(keys: impl Iterator<Item = &'a String>, path: &str) -> Vec<FieldError> {
    keys.flat_map(|key| complaints(key, qualified_name(&key.to_lowercase()), path))
        .collect()
}

pub(super) fn label_key(key: &str, path: &str) -> Vec<FieldError> {
    complaints(key, qualified_name(key), path)
}

pub(super) fn label_value(value: &str, path: &str) -> Vec<FieldError> {
    complaints(value, label_value_faults(value), path)
}

/// Errors of a name that must be a DNS label, as containers and volumes have.
pub(super) fn dns_label(name: &str, path: &str) -> Vec<FieldError> {
    let mut faults = Vec::new();
    if name.len() > 63 {
        faults.push(too_long(63));
    }
    if !is_dns_label(name) {
        faults.push(DNS_LABEL.to_owned());
    }
    complaints(name, faults, path)
}

/// Whether `key` is a qualified name: a name, or a DNS subdomain, a slash and a name.
pub(super) fn is_qualified_name(key: &str) -> bool {
    qualified_name(key).is_empty()
}

fn complaints(value: &str, faults: Vec<String>, path: &str) -> Vec<FieldError> {
    faults
        .into_iter()
        .map(|fault| FieldError::invalid(path, value, fault))
        .collect()
}

fn qualified_name(key: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let name = match key.split_once('/') {
        None => key,
        Some((_, name)) if name.contains('/') => {
            let fault = format!(
                "a qualified name {NAME} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            );
            return vec![fault];
        }
        Some((prefix, name)) => {
            if prefix.is_empty() {
                faults.push("prefix part must be non-empty".to_owned());
            } else {
                faults.extend(dns_subdomain(prefix).into_iter().map(|f| format!("prefix part {f}")));
            }
            name
        }
    };
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        faults.push(format!("name part {}", too_long(63)));
    }
    if !is_name(name) {
        faults.push(format!("name part {NAME}"));
    }
    faults
}

fn label_value_faults(value: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if value.len() > 63 {
        faults.push(too_long(63));
    }
    if !value.is_empty() && !is_name(value) {
        faults.push(LABEL_VALUE.to_owned());
    }
    faults
}

fn dns_subdomain(name: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if name.len() > 253 {
        faults.push(too_long(253));
    }
    if !name.split('.').all(is_dns_label) {
        faults.push(DNS_SUBDOMAIN.to_owned());
    }
    faults
}

fn too_long(limit: usize) -> String {
    format!("must be no more than {limit} characters")
}

/// `([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]`
fn is_name(name: &str) -> bool {
    framed(
        name,
        |b| b.is_ascii_alphanumeric(),
        |b| b.is_ascii_alphanumeric() || b"-_.".contains(&b),
    )
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`, of any length
fn is_dns_label(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    framed(name, letter, |b| letter(b) || b == b'-')
}

/// Not empty, `ends` at both ends, `inner` everywhere.
fn framed(name: &str, ends: impl Fn(u8) -> bool, inner: impl Fn(u8) -> bool) -> bool {
    let bytes = name.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => ends(*first) && ends(*last) && bytes.iter().all(|b| inner(*b)),
        (None, _) | (_, None) => false,
    }
}

const NAME: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
    character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
    and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
    validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const DNS_LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
    start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

const DNS_SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
    '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values() {
        for good in ["app", "a.b_c-d", "example.com/Name", "123-abc"] {
            assert!(is_qualified_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a b", "/a", "a/", "Up/a", "a/b/c", &"x".repeat(64)] {
            assert!(!is_qualified_name(bad), "{bad}");
        }
        assert_eq!(
            qualified_name(""),
            ["name part must be non-empty".to_owned(), format!("name part {NAME}")]
        );
        assert_eq!(label_value_faults(""), [""; 0]);
        assert_eq!(
            label_value_faults(&"x".repeat(64)),
            ["must be no more than 63 characters"]
        );
        assert!(annotations(["UPPER/x".to_owned()].iter(), "p").is_empty());
    }
}
