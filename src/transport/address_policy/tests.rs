use super::*;

#[test]
fn every_address_has_its_class() {
    use AddressClass as C;
    for (address, class) in [
        ("127.0.0.1", C::Loopback),
        ("127.255.0.9", C::Loopback),
        ("::1", C::Loopback),
        ("::ffff:127.0.0.1", C::Loopback),
        ("::127.0.0.1", C::Loopback),
        ("10.1.2.3", C::Private),
        ("172.16.0.1", C::Private),
        ("172.32.0.1", C::Public),
        ("192.168.1.1", C::Private),
        ("fd12::1", C::Private),
        ("fec0::1", C::Private),
        ("169.254.1.1", C::LinkLocal),
        ("169.254.170.2", C::LinkLocal),
        ("fe80::1", C::LinkLocal),
        ("169.254.169.254", C::Metadata),
        ("168.63.129.16", C::Metadata),
        ("100.100.100.200", C::Metadata),
        ("192.0.0.192", C::Metadata),
        ("fd00:ec2::254", C::Metadata),
        ("fd00:ec2::23", C::Metadata),
        ("fd20:ce::254", C::Metadata),
        ("fd00:42::42", C::Metadata),
        ("100.64.0.1", C::CarrierGrade),
        ("100.128.0.1", C::Public),
        ("224.0.0.1", C::Multicast),
        ("ff02::1", C::Multicast),
        ("0.0.0.0", C::Unspecified),
        ("::", C::Unspecified),
        ("192.0.2.7", C::Documentation),
        ("2001:db8::1", C::Documentation),
        ("3fff::1", C::Documentation),
        ("198.18.0.1", C::Reserved),
        ("255.255.255.255", C::Reserved),
        ("100::1", C::Reserved),
        ("8.8.8.8", C::Public),
        ("168.63.129.17", C::Public),
        ("2606:4700::1111", C::Public),
    ] {
        assert_eq!(AddressClass::of(address.parse().unwrap()), class, "{address}");
    }
}

#[test]
fn an_ipv4_address_inside_an_ipv6_one_decides_its_class() {
    use AddressClass as C;
    for (address, class) in [
        ("::ffff:169.254.169.254", C::Metadata),
        ("::ffff:0:169.254.169.254", C::Metadata),
        ("::ffff:8.8.8.8", C::Public),
        ("64:ff9b::a9fe:a9fe", C::Metadata),
        ("64:ff9b::808:808", C::Public),
        ("64:ff9b:1::a9fe:a9fe", C::Metadata),
        ("64:ff9b:1:a9fe:00a9:fe00::", C::Metadata),
        ("64:ff9b:1::808:808", C::Unspecified),
        ("2002:a00:1::1", C::Private),
        ("2002:808:808::1", C::Public),
        ("2002:808:808::5efe:7f00:1", C::Loopback),
        // Teredo: the server, then the client with every bit turned round.
        ("2001:0:a83f:8110::1", C::Metadata),
        ("2001:0:808:808:0:0:5601:5601", C::Metadata),
        ("2001:0:808:808:0:0:f7f7:f7f7", C::Reserved),
        ("2606:4700::5efe:10.0.0.1", C::Private),
        ("2606:4700::200:5efe:169.254.169.254", C::Metadata),
        ("2606:4700::5efe:8.8.8.8", C::Public),
        ("fe80::5efe:8.8.8.8", C::LinkLocal),
    ] {
        assert_eq!(AddressClass::of(address.parse().unwrap()), class, "{address}");
    }
}

#[test]
fn no_spelling_of_a_host_has_another_class() {
    use AddressClass as C;
    for (host, class) in [
        ("0x7f.1", C::Loopback),
        ("0177.0.0.1", C::Loopback),
        ("2130706433", C::Loopback),
        ("127.1", C::Loopback),
        ("127.0.0.1.", C::Loopback),
        ("%31%32%37.0.0.1", C::Loopback),
        ("\u{ff11}\u{ff12}\u{ff17}.0.0.1", C::Loopback),
        ("\u{2460}\u{2461}\u{2466}\u{3002}0.0.1", C::Loopback),
        ("user@127.0.0.1", C::Loopback),
        ("example.com@127.0.0.1", C::Loopback),
        ("example.com:80@127.0.0.1", C::Loopback),
        ("127.0.0.1\\@example.com", C::Loopback),
        ("127.0.0.1#@example.com", C::Loopback),
        ("LOCALHOST", C::Loopback),
        ("localhost.", C::Loopback),
        ("a.b.localhost", C::Loopback),
        ("a.localhost.", C::Loopback),
        ("0xa9fea9fe", C::Metadata),
        ("0251.0376.0251.0376", C::Metadata),
        ("2852039166", C::Metadata),
        ("[::ffff:a9fe:a9fe]", C::Metadata),
        ("metadata.google.internal", C::Metadata),
        ("METADATA.google.internal.", C::Metadata),
        ("metadata", C::Metadata),
        ("0", C::Unspecified),
        ("db.internal.", C::LocalName),
        ("printer.local", C::LocalName),
        ("shop.home.arpa", C::LocalName),
        ("app.test", C::LocalName),
        ("web", C::LocalName),
        ("example.com", C::Public),
        ("localhost.example.com", C::Public),
        ("notlocalhost.example", C::Public),
        ("10.0.0.1.example.com", C::Public),
        ("internal.example.com", C::Public),
        ("mylocal.com", C::Public),
    ] {
        let url = Url::parse(&format!("http://{host}/x")).unwrap();
        assert_eq!(AddressClass::of_url(&url), Some(class), "{host} is {url}");
    }
}

#[test]
fn a_policy_allows_what_its_name_says() {
    use AddressClass as C;
    use AddressPolicy as P;
    for (url, private, loopback, public) in [
        ("http://8.8.8.8/", Ok(()), Ok(()), Ok(())),
        ("http://example.com/", Ok(()), Ok(()), Ok(())),
        ("http://127.0.0.1:3000/", Ok(()), Ok(()), Err(C::Loopback)),
        ("http://app.localhost/", Ok(()), Ok(()), Err(C::Loopback)),
        ("http://10.0.0.1/", Ok(()), Err(C::Private), Err(C::Private)),
        ("http://100.64.0.1/", Ok(()), Err(C::CarrierGrade), Err(C::CarrierGrade)),
        ("http://0.0.0.0/", Ok(()), Err(C::Unspecified), Err(C::Unspecified)),
        // What a name leads to decides.
        ("http://db.internal/", Ok(()), Ok(()), Ok(())),
        (
            "http://[::ffff:169.254.169.254]/",
            Err(C::Metadata),
            Err(C::Metadata),
            Err(C::Metadata),
        ),
        (
            "http://168.63.129.16/",
            Err(C::Metadata),
            Err(C::Metadata),
            Err(C::Metadata),
        ),
        (
            "http://metadata.google.internal./",
            Err(C::Metadata),
            Err(C::Metadata),
            Err(C::Metadata),
        ),
        (
            "http://169.254.0.1/",
            Err(C::LinkLocal),
            Err(C::LinkLocal),
            Err(C::LinkLocal),
        ),
        (
            "http://[fe80::1]/",
            Err(C::LinkLocal),
            Err(C::LinkLocal),
            Err(C::LinkLocal),
        ),
    ] {
        let parsed = Url::parse(url).unwrap();
        assert_eq!(P::PublicAndPrivate.check_url(&parsed), private, "{url}");
        assert_eq!(P::PublicAndLoopback.check_url(&parsed), loopback, "{url}");
        assert_eq!(P::Public.check_url(&parsed), public, "{url}");
        assert_eq!(P::Any.check_url(&parsed), Ok(()), "{url}");
    }
}

#[test]
fn a_policy_is_kept_by_its_name() {
    for policy in AddressPolicy::ALL {
        assert_eq!(AddressPolicy::from_name(policy.name()), Some(*policy));
    }
    assert_eq!(AddressPolicy::from_name("everything"), None);
}

#[test]
fn loopback_is_told_by_the_text_of_the_host() {
    for (url, loopback) in [
        ("http://localhost./", true),
        ("http://a.b.localhost/", true),
        ("http://127.1/", true),
        ("http://[::1]/", true),
        ("http://[::ffff:127.0.0.1]/", true),
        ("http://localhost.example/", false),
        ("http://notlocalhost/", false),
        ("http://192.168.0.1/", false),
    ] {
        assert_eq!(is_loopback(&Url::parse(url).unwrap()), loopback, "{url}");
    }
}
