use std::fs;

use tempfile::TempDir;

use super::*;

fn reviewed(folder: &TempDir, text: &str) -> Review {
    let list = TrustList::new(folder.path().join("trusted"));
    review(toml::from_str(text).unwrap(), &folder.path().join("hook.toml"), &list)
}

fn allow(folder: &TempDir, text: &str) {
    let list = TrustList::new(folder.path().join("trusted"));
    list.add(&reviewed(folder, text).grants).unwrap();
}

#[test]
fn what_is_allowed_is_used_and_what_changed_is_not() {
    let folder = TempDir::new().unwrap();
    let text = "provider = 'a'\nsecret = 'env:A'\n[listen]\non = ['x=touch y', 'z=:1']\n[remote.r]\ntoken = 'env:T'\n\
                api-url = 'http://a.example'\n[workflow.w]\nurl = 'http://b.example'\nauth = { bearer = 'file:t' }\n";
    let before = reviewed(&folder, text);
    assert_eq!(before.ignored.len(), 5);
    assert!(before.file.secret.is_none() && before.file.listen.on.is_none() && before.file.workflow.is_empty());
    assert!(!before.provider_allowed && before.file.provider.is_some());
    allow(&folder, text);
    let after = reviewed(&folder, text);
    assert!(after.ignored.is_empty() && after.provider_allowed);
    assert_eq!(after.file.listen.on.as_ref().map(Vec::len), Some(2));
    // A relative path counts from the project's folder.
    let bearer = after.file.workflow["w"].auth.bearer.clone().unwrap();
    assert_eq!(bearer, format!("file:{}", folder.path().join("t").display()));
    for (from, to, ignored) in [
        ("env:A", "env:B", vec!["secret"]),
        ("provider = 'a'", "provider = 'b'", vec!["secret"]),
        ("touch y", "touch y2", vec!["listen.on"]),
        ("a.example", "c.example", vec!["remote.r"]),
        ("env:T", "env:U", vec!["remote.r"]),
        ("b.example", "c.example", vec!["workflow.w"]),
        ("'file:t'", "'file:u'", vec!["workflow.w"]),
        ("[remote.r]", "port = 7\n[remote.r]", vec![]),
    ] {
        let changed = reviewed(&folder, &text.replace(from, to));
        let keys: Vec<&str> = changed.ignored.iter().map(|grant| grant.key.as_str()).collect();
        assert_eq!(keys, ignored, "{from} -> {to}");
    }
}

#[test]
fn a_file_that_becomes_a_link_has_to_be_allowed_again() {
    let folder = TempDir::new().unwrap();
    let text = "secret = 'n=file:key'\n";
    fs::write(folder.path().join("key"), "inside").unwrap();
    allow(&folder, text);
    let secret = reviewed(&folder, text).file.secret;
    assert_eq!(secret, Some(format!("n=file:{}", folder.path().join("key").display())));
    fs::remove_file(folder.path().join("key")).unwrap();
    assert!(
        reviewed(&folder, text).file.secret.is_some(),
        "it is missing, which the user is told"
    );
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("key")).unwrap();
    let linked = reviewed(&folder, text);
    assert!(linked.file.secret.is_none() && linked.ignored[0].text.contains("/etc/hostname"));
}

#[test]
fn a_secret_that_stands_in_the_file_is_not_shown() {
    let folder = TempDir::new().unwrap();
    let text = "secret = 'topsecret'\n[remote.r]\ntoken = 'topsecret'\n[workflow.w]\nauth = { bearer = 'topsecret' }\n\
                [[endpoint]]\nurl = 'http://a.example'\nevents = 'all'\nsecret = 'topsecret'\n";
    let review = reviewed(&folder, text);
    assert_eq!(review.grants.len(), 4);
    assert!(
        review.grants.iter().all(|grant| !grant.text.contains("topsecret")),
        "{review:?}"
    );
}
