use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::*;
use crate::clock::Timestamp;
use crate::id::{Id, IdKind};
use crate::provider::compose::{ComposeOptions, Composer};
use crate::provider::{Registry, RequestTarget};
use crate::signature::{Received, Verdict};

const OWNER: &str = "ep_01b8e0a3b3f87000800000000000000a";

fn vault() -> (TempDir, Vault) {
    let folder = TempDir::new().unwrap();
    let vault = Vault::new(folder.path().join("state/secrets"), folder.path().join("project"));
    (folder, vault)
}

fn profile(label: &str) -> Arc<Profile> {
    Registry::default().get(label).unwrap()
}

fn as_secret(reference: Reference) -> EndpointSecret {
    EndpointSecret {
        reference,
        name: None,
        until: None,
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_generated_secret_signs_and_verifies_in_the_form_of_every_provider() {
    let registry = Registry::default();
    let labels = registry.list().into_iter().flat_map(|listing| {
        let variants = profile(&listing.name).variants.clone();
        let name = listing.name.clone();
        std::iter::once(name.clone()).chain(variants.into_keys().map(move |variant| format!("{name}@{variant}")))
    });
    for label in labels {
        let (_folder, vault) = vault();
        let profile = profile(&label);
        let Some(fresh) = generate(&profile, &Random::os()).unwrap() else {
            assert!(matches!(profile.scheme, Scheme::Unsigned), "{label}");
            continue;
        };
        if profile.events.is_empty() {
            // Known for its handshake only: there is nothing to send.
            continue;
        }
        let secret = as_secret(vault.store(OWNER, &fresh, &Random::os()).unwrap());
        assert_eq!(vault.public_key(&secret), fresh.public, "{label}");
        let signing = vault.signing(&secret).unwrap();
        assert_eq!(signing.expose(), fresh.secret.expose(), "{label}");
        let verdict = round_trip(&profile, &signing, &vault.verifying(&secret).unwrap());
        assert!(verdict.is_accepted(), "{label}: {verdict:?}");
    }
}

fn round_trip(profile: &Profile, signing: &Secret, verifying: &Secret) -> Verdict {
    let now = Timestamp::from_unix(1_893_553_445);
    let wishes = ComposeOptions {
        event: profile.events.keys().next().unwrap().clone(),
        ..ComposeOptions::default()
    };
    let id = Id::new(IdKind::Message, now, &Random::os());
    let message = Composer::new(profile, wishes).unwrap().compose(id, now, &Random::os());
    let signer = profile.scheme.signer(std::slice::from_ref(signing)).unwrap();
    let target = RequestTarget {
        method: "POST",
        url: "https://a.example/",
        retries: 0,
        retry_reason: None,
    };
    let (headers, body) = profile.request(&message.unwrap(), Some(&signer), now, target).unwrap();
    let verifier = profile.scheme.verifier(std::slice::from_ref(verifying)).unwrap();
    verifier.verify(&Received {
        method: target.method,
        url: Some(target.url),
        headers: &headers,
        body: &body,
        now,
    })
}

#[test]
fn two_generated_secrets_differ() {
    let profile = profile("generic");
    let one = generate(&profile, &Random::os()).unwrap();
    assert_ne!(one, generate(&profile, &Random::os()).unwrap());
}

#[test]
fn stored_secrets_are_for_this_user_alone_also_in_a_folder_that_was_open() {
    let (folder, vault) = vault();
    let open = folder.path().join("state/secrets");
    fs::create_dir_all(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    let fresh = generate(&profile("standard-webhooks@ed25519"), &Random::os())
        .unwrap()
        .unwrap();
    let reference = vault.store(OWNER, &fresh, &Random::os()).unwrap();
    let path = vault.path(&reference).unwrap();
    assert_eq!((mode(&open), mode(&path)), (0o700, 0o600));
    assert_eq!(fs::read_dir(&open).unwrap().count(), 1, "a pair is one file");
    assert!(path.starts_with(&open));
    assert!(reference.to_string().starts_with(&format!("stored:{OWNER}-")));
}

#[test]
fn any_text_is_stored_and_read_back_exactly() {
    let (_folder, vault) = vault();
    let texts = [&b"abc"[..], b"abc\n", b"abc\r", b"abc\r\n\n", b"\n", &[0, 255, 10]];
    let mut paths = HashSet::new();
    for text in texts {
        let fresh = NewSecret {
            secret: Secret::new(text),
            public: None,
        };
        let reference = vault.store(OWNER, &fresh, &Random::os()).unwrap();
        assert!(paths.insert(vault.path(&reference)));
        assert_eq!(vault.signing(&as_secret(reference)).unwrap().expose(), text, "{text:?}");
    }
}

#[test]
fn a_name_that_is_taken_is_not_written_over() {
    let (_folder, vault) = vault();
    let fresh = |text: &str| NewSecret {
        secret: Secret::new(text),
        public: None,
    };
    let first = vault.store(OWNER, &fresh("one"), &Random::seeded(1)).unwrap();
    let second = vault.store(OWNER, &fresh("two"), &Random::seeded(1)).unwrap();
    assert_ne!(first, second);
    assert_eq!(vault.signing(&as_secret(first)).unwrap().expose(), b"one");
}

#[test]
fn what_a_user_gives_is_stored_when_it_is_a_text_and_stays_a_reference_otherwise() {
    let (folder, vault) = vault();
    let inside = folder.path().join("project/keys/one");
    let outside = folder.path().join("elsewhere");
    for (given, expected, name) in [
        ("env:A", "env:A".to_owned(), None),
        ("new=env:A", "env:A".to_owned(), Some("new")),
        (&format!("file:{}", inside.display()), "file:keys/one".to_owned(), None),
        (
            &format!("file:{}", outside.display()),
            format!("file:{}", outside.display()),
            None,
        ),
        ("literal:topsecret", format!("stored:{OWNER}-"), None),
        ("now=literal:topsecret", format!("stored:{OWNER}-"), Some("now")),
        ("topsecret", format!("stored:{OWNER}-"), None),
    ] {
        let kept = vault.keep(OWNER, &SecretRef::parse(given), &Random::os()).unwrap();
        let text = kept.reference.to_string();
        assert!(
            text == expected || text.starts_with(&expected) && text.starts_with("stored:"),
            "{given}: {text}"
        );
        assert_eq!(kept.name.as_deref(), name, "{given}");
        assert!(!format!("{kept:?}").contains("topsecret"));
        if expected.starts_with("stored:") {
            assert_eq!(vault.signing(&kept).unwrap().expose(), b"topsecret", "{given}");
        }
    }
    let empty = vault.keep(OWNER, &SecretRef::parse("literal:"), &Random::os());
    assert!(matches!(empty, Err(EndpointError::Secret(SecretError::Empty(_)))));
}

#[test]
fn secrets_are_found_by_their_reference_under_the_name_that_verdicts_show() {
    let (folder, vault) = vault();
    fs::create_dir_all(folder.path().join("project/keys")).unwrap();
    fs::write(folder.path().join("project/keys/one"), "text\n").unwrap();
    let mut secret = as_secret(Reference::File("keys/one".into()));
    let found = vault.signing(&secret).unwrap();
    assert_eq!((found.expose(), found.name()), (&b"text"[..], Some("file:keys/one")));
    secret.name = Some("old".into());
    assert_eq!(vault.verifying(&secret).unwrap().name(), Some("old"));
    for (reference, code, says) in [
        (
            Reference::Stored("ep_1-ff".into()),
            "other",
            "the secret `stored:ep_1-ff` is not on this machine",
        ),
        (
            Reference::Env("HOOK_NO_SUCH_VARIABLE".into()),
            "secret",
            "environment variable `HOOK_NO_SUCH_VARIABLE`",
        ),
        (Reference::File("none".into()), "secret", "cannot be read"),
    ] {
        let error = vault.signing(&as_secret(reference)).unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn an_emptied_secret_file_is_no_secret() {
    let (_folder, vault) = vault();
    let fresh = NewSecret {
        secret: Secret::new("x"),
        public: None,
    };
    let reference = vault.store(OWNER, &fresh, &Random::os()).unwrap();
    fs::write(vault.path(&reference).unwrap(), "\n").unwrap();
    let error = vault.signing(&as_secret(reference)).unwrap_err();
    assert!(matches!(error, EndpointError::Secret(SecretError::Empty(_))), "{error}");
}

#[test]
fn discarding_deletes_both_halves_of_a_pair_and_nothing_that_is_not_stored() {
    let (folder, vault) = vault();
    let own = folder.path().join("project/own");
    fs::create_dir_all(folder.path().join("project")).unwrap();
    fs::write(&own, "mine").unwrap();
    let fresh = generate(&profile("standard-webhooks@ed25519"), &Random::os())
        .unwrap()
        .unwrap();
    let reference = vault.store(OWNER, &fresh, &Random::os()).unwrap();
    for reference in [
        &reference,
        &reference,
        &Reference::File("own".into()),
        &Reference::Env("A".into()),
    ] {
        vault.discard(reference).unwrap();
    }
    assert_eq!(fs::read_dir(folder.path().join("state/secrets")).unwrap().count(), 0);
    assert!(own.exists());
}

#[test]
fn a_reference_leads_outside_by_its_path_and_by_a_link() {
    let (folder, vault) = vault();
    let project = folder.path().join("project");
    fs::create_dir_all(project.join("keys")).unwrap();
    for file in ["elsewhere", "project/keys/one"] {
        fs::write(folder.path().join(file), "text").unwrap();
    }
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), project.join("link")).unwrap();
    let absolute = folder.path().join("elsewhere").display().to_string();
    for (reference, outside) in [
        (Reference::File("keys/one".into()), false),
        (Reference::File("keys/../keys/one".into()), false),
        (Reference::File("../elsewhere".into()), true),
        (Reference::File("link".into()), true),
        (Reference::File("missing".into()), false),
        (Reference::File("../missing".into()), true),
        (Reference::File(absolute), true),
        (Reference::Env("A".into()), false),
        (Reference::Stored("ep_1-ff".into()), false),
    ] {
        assert_eq!(vault.leads_outside(&reference), outside, "{reference}");
    }
}
