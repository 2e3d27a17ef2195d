use super::*;

fn handshake(toml: &str) -> Handshake {
    toml::from_str::<Handshake>(toml).unwrap().check(None).unwrap()
}

fn asking<'a>(method: &'a str, target: &'a str, headers: &'a Headers, body: &'a str) -> ChallengeCandidate<'a> {
    ChallengeCandidate {
        method,
        target,
        headers,
        body: body.as_bytes(),
    }
}

#[test]
fn a_question_is_told_from_an_event_by_its_fixed_parts() {
    let handshake = handshake("request.body = '{\"type\":\"Verify\",\"in\":{\"token\":\"${token}\"}}'");
    let question = handshake.request.written("abc", "").body.unwrap();
    assert_eq!(question.to_string(), r#"{"type":"Verify","in":{"token":"abc"}}"#);
    let headers = Headers::new();
    for (body, token) in [
        (question.to_string().as_str(), Some("abc")),
        (r#"{"in":{"token":"abc","more":1},"type":"Verify","id":7}"#, Some("abc")),
        (r#"{"type":"Other","in":{"token":"abc"}}"#, None),
        (r#"{"type":"Verify","in":{"token":7}}"#, None),
        (r#"{"type":"Verify","in":{"token":""}}"#, None),
        (r#"{"type":"Verify"}"#, None),
        ("[]", None),
        ("", None),
    ] {
        let asked = handshake.request.read(&asking("POST", "/", &headers, body));
        assert_eq!(asked.map(|asked| asked.token).as_deref(), token, "{body}");
        assert_eq!(handshake.request.read(&asking("PUT", "/", &headers, body)), None);
    }
    let asked = ChallengeFields {
        token: "abc".into(),
        verify: None,
    };
    let answer = handshake.answer(&asked, &headers, None).unwrap();
    assert_eq!(answer.body.as_ref(), br#"{"token":"abc"}"#);
    assert_eq!(answer.headers.get_text("content-type"), Some("application/json"));
}

#[test]
fn a_token_comes_from_the_query_decoded_or_from_a_header() {
    let shake = handshake(
        "request.method = 'GET'\nrequest.query = { mode = 'subscribe', t = '${token}', v = '${verify}' }\n\
         answer.body = '${token}'",
    );
    let headers = Headers::new();
    let read = |target| shake.request.read(&asking("GET", target, &headers, ""));
    let asked = read("/x?mode=subscribe&t=a%3Ab+c&v=tok&more=1").unwrap();
    assert_eq!((asked.token.as_str(), asked.verify.as_deref()), ("a:b c", Some("tok")));
    for target in [
        "/x",
        "/x?mode=other&t=a&v=b",
        "/x?mode=subscribe&v=b",
        "/x?mode=subscribe&t=&v=b",
    ] {
        assert_eq!(read(target), None, "{target}");
    }
    let shake = handshake(
        "request.headers.X-Token = '${token}'\nrequest.body = ''\nrequest.without = ['header:X-Event']\n\
         answer = { status = 204, headers.X-Token = '${token}', headers.X-Rate = '${header.x-rate}' }",
    );
    let mut headers: Headers = [("x-token", "abc")].into_iter().collect();
    let asked = shake.request.read(&asking("POST", "/", &headers, "")).unwrap();
    assert_eq!(shake.request.read(&asking("POST", "/", &headers, "{}")), None);
    let names = |answer: Answer| {
        answer
            .headers
            .iter()
            .map(|(name, _)| name.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(shake.answer(&asked, &headers, None).unwrap()), ["x-token"]);
    headers.append("x-rate", "9");
    assert_eq!(
        names(shake.answer(&asked, &headers, None).unwrap()),
        ["x-token", "x-rate"]
    );
    headers.append("x-event", "e");
    assert_eq!(shake.request.read(&asking("POST", "/", &headers, "")), None);
}

#[test]
fn an_answer_made_with_the_secret_needs_one_and_signs_no_event() {
    let shake = handshake("request.query.t = '${token}'\nanswer.body = '{\"r\":\"sha256=${hmac.base64}\"}'");
    let headers = Headers::new();
    let asked = |token: &str| ChallengeFields {
        token: token.into(),
        verify: None,
    };
    let secret = Secret::new("consumer_secret");
    let answer = shake
        .answer(&asked("hook-test-token"), &headers, Some(&secret))
        .unwrap();
    assert_eq!(
        answer.body.as_ref(),
        br#"{"r":"sha256=+qHxdUJZJjxMimD0yFRtIPR2JR2WBFp4NYq4c4vKy6I="}"#
    );
    let fails = |token, secret| shake.answer(&asked(token), &headers, secret).unwrap_err();
    assert_eq!(fails("hook-test-token", None), Unanswerable::Secret);
    assert_eq!(fails(r#"{"event":"x"}"#, Some(&secret)), Unanswerable::Token);
}

#[test]
fn an_answer_is_judged_by_any_of_the_forms_that_the_provider_takes() {
    let shake = handshake(
        "request.body = '{\"challenge\":\"${token}\"}'\nanswer.body = '${token}'\nsuccess = ['200', '202']\n\
         also-accept = [{ body = '{\"challenge\":\"${token}\"}' }]",
    );
    let misses = |status, content_type: &str, body: &'static str| {
        let answer = Answer {
            status,
            headers: [("content-type", content_type)].into_iter().collect(),
            body: body.into(),
            note: None,
            truncated: false,
            whole: None,
        };
        shake.misses(&answer, "abc", &Headers::new(), None).unwrap()
    };
    assert_eq!(misses(200, "text/plain; charset=utf-8", "abc\n"), None);
    assert_eq!(misses(202, "application/json", "{ \"challenge\": \"abc\" }"), None);
    for (missed, what) in [
        (misses(201, "text/plain", "abc"), "its status is 201, not 200, 202"),
        (
            misses(200, "text/html", "abc"),
            "its header `content-type` is `text/html`, not `text/plain`",
        ),
        (misses(200, "text/plain", "abd"), "its body is `abd`, not `abc`"),
        (misses(200, "text/plain", ""), "its body is empty, not `abc`"),
    ] {
        assert_eq!(missed.as_deref(), Some(what));
    }
}

#[test]
fn a_header_that_only_this_side_adds_is_answered_and_not_asked_for() {
    let shake = handshake(
        "request.body = '{\"challenge\":\"${token}\"}'\n\
         answer = { body = '${token}', headers = { X-Own = '1' }, more-headers = { X-More = '2' } }",
    );
    let asked = ChallengeFields {
        token: "abc".into(),
        verify: None,
    };
    let mut answer = shake.answer(&asked, &Headers::new(), None).unwrap();
    assert_eq!(answer.headers.get_text("x-more"), Some("2"));
    let misses = |answer: &Answer| shake.misses(answer, "abc", &Headers::new(), None).unwrap();
    answer.headers.remove("x-more");
    assert_eq!(misses(&answer), None);
    answer.headers.remove("x-own");
    assert_eq!(misses(&answer).as_deref(), Some("it has no header `x-own: 1`"));
}

#[test]
fn only_https_on_a_host_of_the_providers_confirms() {
    let host: HostPattern = serde_json::from_value("sns.*.amazonaws.com".into()).unwrap();
    for (url, on) in [
        ("https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription", true),
        ("https://sns.eu-west-1.amazonaws.com:443/", true),
        ("http://sns.eu-west-1.amazonaws.com/", false),
        ("https://sns.eu-west-1.amazonaws.com:8443/", false),
        ("https://sns.a.b.amazonaws.com/", false),
        ("https://sns..amazonaws.com/", false),
        ("https://sns.amazonaws.com/", false),
        ("https://sns.eu-west-1.amazonaws.com.example/", false),
        ("https://sns.eu-west-1.amazonaws.com@example.com/", false),
        ("https://example.com@sns.eu-west-1.amazonaws.com/", false),
        ("https://example.com/sns.eu-west-1.amazonaws.com", false),
        ("https://xsns.eu-west-1.amazonaws.com/", false),
        ("file:///etc/passwd", false),
        ("", false),
    ] {
        assert_eq!(is_plainly_on(url, &host), on, "{url}");
    }
}

#[test]
fn a_file_whose_answer_carries_what_its_question_has_not_is_refused() {
    let handshake: Handshake = toml::from_str("request.method = 'GET'\nanswer.body = '${token}'").unwrap();
    let error = handshake.check(Some("ping")).unwrap_err();
    assert_eq!(error.key, "handshakes.ping.request");
}

#[test]
fn only_a_success_that_carries_the_token_confirms() {
    let answer = |status, body: &'static str, header: &str| {
        let mut headers = Headers::new();
        headers.append("x-token", header);
        Answer {
            status,
            headers,
            body: body.into(),
            note: None,
            truncated: false,
            whole: None,
        }
    };
    assert!(echoes(&answer(200, r#"{"t":"abc"}"#, ""), "abc"));
    assert!(echoes(&answer(204, "", "abc"), "abc"));
    assert!(!echoes(&answer(200, "ab", ""), "abc"));
    assert!(!echoes(&answer(400, "abc", "abc"), "abc"));
}
