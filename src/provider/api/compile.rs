//! From `[api]` to [`Api`]: every value checked, every fault named by its key.

use url::Url;

use super::super::causes::Cause;
use super::super::compile::{ProfileError, duration, fault, template, word};
use super::super::file::ProviderFile;
use super::super::file::api::{ApiFile, CallFile, ErrorsFile, PagingFile};
use super::super::pattern::Pattern;
use super::{Answer, Api, Call, Extra, FaultKind, Faults, Field, IdForm, Paging, RateFact, Verb};
use crate::headers::check_line;
use crate::template::Scope;

type Result<T> = std::result::Result<T, ProfileError>;

/// What refusals look like where the file says nothing.
const PLAIN_FAULT: &str = r#"{"error":"${code}","message":"${message}"}"#;

const FIELDS: [(&str, Field); 9] = [
    ("id", Field::Id),
    ("url", Field::Url),
    ("events", Field::Events),
    ("name", Field::Name),
    ("description", Field::Description),
    ("active", Field::Active),
    ("status", Field::Status),
    ("secret", Field::Secret),
    ("created", Field::Created),
];

impl Api {
    /// Checks the table of a file, where it has one.
    pub(in crate::provider) fn of(file: &ProviderFile) -> Result<Option<Self>> {
        let is_param = |name: &str| file.params.contains_key(name);
        let Some(api) = &file.api else { return Ok(None) };
        Self::compile(api, is_param, Cause::all(file)?).map(Some)
    }

    fn compile(file: &ApiFile, is_param: impl Fn(&str) -> bool, causes: Vec<Cause>) -> Result<Self> {
        let base = file.base.as_deref().map(base).transpose()?;
        for (name, value) in &file.headers {
            check_line(name, value).or_else(|what| fault(&format!("api.headers.{name}"), what))?;
        }
        let key = file.key.as_deref().unwrap_or("key_${new.alnum32}");
        let test_key = file.test_key.as_ref();
        Ok(Self {
            base,
            headers: file.headers.clone().into_iter().collect(),
            key: template("api.key", key, Scope::Fresh)?,
            test_key: test_key
                .map(|form| template("api.test-key", form, Scope::Fresh))
                .transpose()?,
            id: word(
                "api.id",
                file.id.as_deref(),
                &[("own", IdForm::Own), ("uuid", IdForm::Uuid)],
            )?,
            fields: fields(file)?,
            pending: file.pending.clone(),
            calls: calls(file, is_param)?,
            paging: file.paging.as_ref().map(paging).transpose()?,
            faults: faults(&file.errors)?,
            scopes: file.scopes.clone().into_iter().collect(),
            causes,
            rate_headers: rate_headers(file)?,
            rate: match &file.rate {
                Some(rate) => Some((rate.calls, duration("api.rate.per", &rate.per)?)),
                None => None,
            },
        })
    }
}

fn rate_headers(file: &ApiFile) -> Result<Vec<(String, RateFact)>> {
    let facts = [
        ("limit", RateFact::Limit),
        ("remaining", RateFact::Remaining),
        ("window-ms", RateFact::WindowMs),
        ("reset-s", RateFact::ResetS),
    ];
    let headers = file.rate.iter().flat_map(|rate| &rate.headers);
    let header = |(name, fact): (&String, &String)| {
        let key = format!("api.rate.headers.{name}");
        check_line(name, "").or_else(|what| fault(&key, what))?;
        Ok((name.clone(), word(&key, Some(fact), &facts)?))
    };
    headers.map(header).collect()
}

fn base(text: &str) -> Result<Url> {
    let url = Url::parse(text).ok();
    let sound = |url: &Url| matches!(url.scheme(), "http" | "https") && url.query().is_none();
    url.filter(sound)
        .map_or_else(|| fault("api.base", format!("`{text}` is not the URL of an API")), Ok)
}

fn fields(file: &ApiFile) -> Result<Vec<(Field, String)>> {
    let read = |(ours, theirs): (&String, &String)| {
        let field = word(&format!("api.fields.{ours}"), Some(ours), &FIELDS)?;
        Ok((field, theirs.clone()))
    };
    let fields: Vec<_> = file.fields.iter().map(read).collect::<Result<_>>()?;
    for (name, needed) in &FIELDS[..3] {
        if !fields.iter().any(|(field, _)| field == needed) {
            return fault("api.fields", format!("`{name}` is missing"));
        }
    }
    Ok(fields)
}

fn calls(file: &ApiFile, is_param: impl Fn(&str) -> bool) -> Result<Vec<(Verb, Call)>> {
    let calls = [
        (Verb::Create, &file.create),
        (Verb::List, &file.list),
        (Verb::Get, &file.get),
        (Verb::Update, &file.update),
        (Verb::Delete, &file.delete),
        (Verb::Confirm, &file.confirm),
    ];
    let mut compiled = Vec::new();
    for (verb, file) in calls {
        match file {
            Some(file) => compiled.push((verb, call(verb, file, &is_param)?)),
            None if matches!(verb, Verb::Create | Verb::List | Verb::Delete) => {
                return fault("api", format!("a table `[api.{}]` is missing", verb.name()));
            }
            None => {}
        }
    }
    Ok(compiled)
}

fn call(verb: Verb, file: &CallFile, is_param: &impl Fn(&str) -> bool) -> Result<Call> {
    let key = |name: &str| format!("api.{}.{name}", verb.name());
    let known = |name: &str, list: &[String]| {
        let fields = list.iter().map(|field| word(&key(name), Some(field), &FIELDS));
        fields.collect::<Result<Vec<_>>>()
    };
    check_place(
        &format!("api.{}", verb.name()),
        &file.method,
        &file.path,
        !matches!(verb, Verb::Create | Verb::List),
    )?;
    let pattern =
        |name: &str, text: &String| Pattern::parse(text, &["id", "token"]).or_else(|what| fault(&key(name), what));
    let answer = match &file.answer {
        None => Answer::Object,
        Some(text) if text.is_empty() => Answer::Nothing,
        Some(text) => Answer::Pattern(pattern("answer", text)?),
    };
    let with = file.with.iter().map(|(name, text)| {
        let param = text.strip_prefix("${param.").and_then(|rest| rest.strip_suffix('}'));
        match param {
            Some(param) if is_param(param) => Ok((name.clone(), Extra::Param(param.to_owned()))),
            Some(param) => fault(&key("with"), format!("there is no parameter `{param}`")),
            None => Ok((name.clone(), Extra::Text(text.clone()))),
        }
    });
    Ok(Call {
        method: file.method.clone(),
        path: file.path.clone(),
        status: file.status.unwrap_or(200),
        takes: known("takes", &file.takes)?,
        hides: known("hides", &file.hides)?,
        with: with.collect::<Result<_>>()?,
        items: file.items.clone(),
        total: file.total.clone(),
        body: file.body.as_ref().map(|text| pattern("body", text)).transpose()?,
        answer,
    })
}

/// Checks the method and the path of a call.
pub(in crate::provider) fn check_place(key: &str, method: &str, path: &str, about_one: bool) -> Result<()> {
    if !matches!(method, "GET" | "POST" | "PUT" | "PATCH" | "DELETE") {
        return fault(
            &format!("{key}.method"),
            format!("`{method}` is none of GET, POST, PUT, PATCH, DELETE"),
        );
    }
    if !path.starts_with('/') || path.contains("{id}") != about_one {
        let what = if about_one {
            "with `{id}` in it"
        } else {
            "without `{id}`"
        };
        return fault(
            &format!("{key}.path"),
            format!("`{path}` is not a path that begins with `/`, {what}"),
        );
    }
    Ok(())
}

fn paging(file: &PagingFile) -> Result<Paging> {
    if file.param.is_empty() || file.size_param.is_empty() || file.size == 0 {
        return fault("api.paging", "`param`, `size-param` and a `size` above 0 are needed");
    }
    Ok(Paging {
        param: file.param.clone(),
        size_param: file.size_param.clone(),
        size: file.size,
        next: file.next.clone(),
    })
}

fn faults(file: &ErrorsFile) -> Result<Faults> {
    let text = file.answer.as_deref().unwrap_or(PLAIN_FAULT);
    let answer = Pattern::parse(text, &["code", "message", "status"]);
    let kinds = FaultKind::ALL.map(|kind| (kind.name(), kind));
    let kind = |(name, file): (&String, &super::super::file::api::FaultFile)| {
        let kind = word(&format!("api.errors.kinds.{name}"), Some(name), &kinds)?;
        let code = file.code.clone().unwrap_or_else(|| kind.name().to_owned());
        Ok((kind, file.status.unwrap_or(kind.usual_status()), code))
    };
    Ok(Faults {
        answer: answer.or_else(|what| fault("api.errors.answer", what))?,
        kinds: file.kinds.iter().map(kind).collect::<Result<_>>()?,
    })
}
