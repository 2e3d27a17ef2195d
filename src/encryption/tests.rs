use proptest::prelude::*;

use super::testing::{change, key, with};
use super::*;

fn refused(result: Result<Secret>) -> String {
    let error = result.map(drop).unwrap_err();
    assert_eq!(error.exit, Exit::Store, "{error}");
    error.to_string()
}

#[test]
fn a_text_names_its_key_and_is_never_the_same_twice() {
    let (one, secret) = (key(1), Secret::new("whsec_a"));
    let text = one.encrypt("stored:a", &secret).unwrap();
    let (start, sealed) = text.rsplit_once(':').unwrap();
    assert_eq!(start, format!("enc:v1:{}", one.id()));
    assert_eq!(STANDARD.decode(sealed).unwrap().len(), NONCE_LEN + 7 + 16);
    assert_ne!(one.encrypt("stored:a", &secret).unwrap(), text);
    assert_ne!(one.id(), key(2).id());
    let printed = format!("{one:?} {:?} {:?}", with(1), change(Some(1), Some(2)));
    assert!(printed.contains(one.id()) && !printed.contains("1, 1"), "{printed}");
}

#[test]
fn another_key_another_record_and_another_form_are_refused() {
    let text = key(1).encrypt("stored:a", &Secret::new("whsec_a")).unwrap();
    let stored = StoredText::read(text.as_bytes());
    assert_eq!(with(1).open("stored:a", &stored).unwrap().expose(), b"whsec_a");
    let other = refused(with(2).open("stored:a", &stored));
    assert!(other.contains(key(1).id()) && other.contains(key(2).id()), "{other}");
    let unset = refused(Encryption::Environment.open("stored:a", &stored));
    assert!(
        unset.contains(key(1).id()) && unset.contains("`HOOK_KEY` is not set"),
        "{unset}"
    );
    assert!(refused(with(1).open("stored:b", &stored)).contains("belongs to another record"));
    for form in [
        "enc:v2:12345678:AAAA",
        "enc:",
        "enc:v1:1234567:AAAA",
        "enc:v1:ABCDEF01:AAAA",
        "enc:v1:",
    ] {
        let unknown = refused(with(1).open("stored:a", &StoredText::read(form.as_bytes())));
        assert!(unknown.contains("does not know"), "{form}: {unknown}");
    }
    for sealed in ["", "AAAA", "!", "AAAAAAAAAAAAAAAA"] {
        let form = format!("enc:v1:{}:{sealed}", key(1).id());
        let damaged = refused(with(1).open("stored:a", &StoredText::read(form.as_bytes())));
        assert!(damaged.contains("cannot be decrypted"), "{form}: {damaged}");
    }
}

#[test]
fn a_key_is_read_by_reference_and_never_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let read = |text: &str| {
        let path = folder.path().join("key");
        std::fs::write(&path, text).unwrap();
        EncryptionKey::read(&format!("file:{}", path.display()))
    };
    let text = STANDARD.encode([7; KEY_LEN]);
    assert_eq!(read(&text).unwrap().id(), key(7).id());
    assert_eq!(read(&format!(" {text}\r\n\n")).unwrap().id(), key(7).id());
    let (short, long) = (STANDARD.encode([7; 31]), STANDARD.encode([7; 33]));
    for wrong in [
        &text[1..],
        &short,
        &long,
        &STANDARD.encode([7; 64]),
        "x",
        &hex::encode([7; 32]),
    ] {
        let error = read(wrong).unwrap_err();
        assert_eq!(error.exit, Exit::Usage);
        assert!(!error.to_string().contains(wrong) || wrong == "x", "{error}");
    }
    for reference in [
        text.as_str(),
        "-",
        &format!("literal:{text}"),
        &format!("a=literal:{text}"),
    ] {
        let error = EncryptionKey::read(reference).unwrap_err();
        assert_eq!(error.exit, Exit::Usage);
        assert!(!format!("{error:?}").contains(&text), "{error}");
    }
}

#[test]
fn a_change_of_keys_takes_clear_text_and_both_keys_and_refuses_a_third() {
    let (clear, secret) = (StoredText::Clear(Secret::new("s")), Secret::new("s"));
    let of = |byte: u8| StoredText::Encrypted(key(byte).encrypt("r", &secret).unwrap());
    let rows = [
        // from, to, stored: with which key it is stored then; `Some(0)`: clear, `None`: as it was.
        (None, Some(1), clear.clone(), Some(1)),
        (None, Some(1), of(1), None),
        (Some(1), Some(2), of(1), Some(2)),
        (Some(1), Some(2), of(2), None),
        (Some(1), Some(2), clear.clone(), Some(2)),
        (Some(1), None, of(1), Some(0)),
        (Some(1), None, clear.clone(), None),
        (None, None, clear, None),
    ];
    for (from, to, stored, wanted) in rows {
        let changed = change(from, to).apply("r", &stored).unwrap();
        let opened = changed.as_ref().map(|text| match wanted {
            Some(0) => text == &StoredText::Clear(secret.clone()),
            Some(byte) => with(byte).open("r", text).unwrap() == secret,
            None => false,
        });
        assert_eq!(opened, wanted.map(|_| true), "{from:?} {to:?}");
    }
    for (from, to) in [(Some(1), Some(2)), (None, Some(2)), (Some(2), None), (None, None)] {
        let error = change(from, to).apply("r", &of(3)).map(drop).unwrap_err();
        assert!(
            error.exit == Exit::Store && error.to_string().contains(key(3).id()),
            "{error}"
        );
    }
    assert!(change(Some(1), Some(2)).apply("other", &of(2)).is_err());
}

proptest! {
    #[test]
    fn what_is_encrypted_is_decrypted_and_no_byte_of_it_can_be_changed(
        secret in proptest::collection::vec(any::<u8>(), 0..100),
        record in "[a-z:.-]{1,20}",
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let text = key(1).encrypt(&record, &Secret::new(secret.clone())).unwrap();
        let opened = with(1).open(&record, &StoredText::Encrypted(text.clone())).unwrap();
        prop_assert_eq!(opened.expose(), secret.as_slice());
        let mut changed = text.clone().into_bytes();
        let at = at.index(changed.len());
        changed[at] = byte;
        if changed != text.as_bytes() {
            let changed = StoredText::Encrypted(String::from_utf8_lossy(&changed).into_owned());
            prop_assert!(with(1).open(&record, &changed).is_err());
            prop_assert!(change(Some(2), Some(1)).apply(&record, &changed).is_err());
        }
        let cut = StoredText::Encrypted(text[..at].to_owned());
        prop_assert!(with(1).open(&record, &cut).is_err());
        let other = format!("{record}x");
        prop_assert!(with(1).open(&other, &StoredText::Encrypted(text)).is_err());
    }
}
