//! One file over another: a variant over its provider, a file over the one it extends.

use super::file::{
    AsymmetricFile, DedupeFile, DeliveryFile, DetectFile, EndpointFile, EnvelopeFile, HashFile, HmacFile, MessageFile,
    NamingFile, ProviderFile, ReadFile, RetryFile, ScheduleFile, SignatureFile, TokenFile, VariantFile,
};

/// Lists a table's optional keys once, so that none is forgotten when one is added: the pattern is exhaustive.
macro_rules! merge_keys {
    ($table:ty { $($key:ident),* $(,)? }) => {
        impl $table {
            fn over(self, base: Self) -> Self {
                let Self { $($key),* } = self;
                Self { $($key: $key.or(base.$key)),* }
            }

            /// Adds the keys that this table states, as they are written below `table`.
            fn state(&self, table: &str, keys: &mut Vec<String>) {
                let Self { $($key),* } = self;
                $(if $key.is_some() {
                    keys.push(format!("{table}.{}", stringify!($key).replace('_', "-")));
                })*
            }
        }
    };
}

merge_keys!(HmacFile {
    algorithm,
    key,
    key_prefix,
    content,
    header,
    value,
    pairs,
    list,
    encoding,
    also_accept,
    tolerance,
    advised_tolerance,
    clock,
    time_at,
    time_form,
    carrier,
});
merge_keys!(HashFile {
    algorithm,
    content,
    header,
    value,
    encoding,
    carrier,
});
merge_keys!(TokenFile { header, value });
merge_keys!(AsymmetricFile {
    content,
    header,
    value,
    pairs,
    list,
    encoding,
    tolerance,
    advised_tolerance,
    clock,
    time_at,
    time_form,
    carrier,
    public_form,
    private_prefix,
    public_prefix,
});
merge_keys!(MessageFile { id, metadata });
merge_keys!(NamingFile { separator, case, tense });
merge_keys!(ReadFile { event, id, time });
merge_keys!(DeliveryFile {
    method,
    content_type,
    timeout,
    success,
    user_agent
});
merge_keys!(EndpointFile {
    https,
    ports,
    public,
    unique_url,
    plans,
    all_events
});
merge_keys!(DetectFile { any_of, all_of });
merge_keys!(DedupeFile {
    key,
    documented,
    caution
});
merge_keys!(ScheduleFile {
    delays,
    from,
    jitter,
    then,
    disable_after_deliveries,
    notify,
    honour_retry_after,
    retry_on,
    stop_on,
    stop_on_header,
    disable_on,
});

fn signature(over: Option<SignatureFile>, base: Option<SignatureFile>) -> Option<SignatureFile> {
    Some(match (over, base) {
        (Some(SignatureFile::Hmac(over)), Some(SignatureFile::Hmac(base))) => SignatureFile::Hmac(over.over(base)),
        (Some(SignatureFile::Token(over)), Some(SignatureFile::Token(base))) => SignatureFile::Token(over.over(base)),
        (Some(SignatureFile::Ed25519(over)), Some(SignatureFile::Ed25519(base))) => {
            SignatureFile::Ed25519(over.over(base))
        }
        (Some(SignatureFile::Hash(over)), Some(SignatureFile::Hash(base))) => SignatureFile::Hash(over.over(base)),
        (Some(SignatureFile::Ecdsa(over)), Some(SignatureFile::Ecdsa(base))) => SignatureFile::Ecdsa(over.over(base)),
        (Some(SignatureFile::Rsa(over)), Some(SignatureFile::Rsa(base))) => SignatureFile::Rsa(over.over(base)),
        (Some(over), _) => over,
        (None, base) => return base,
    })
}

fn retry(over: Option<RetryFile>, base: Option<RetryFile>) -> Option<RetryFile> {
    Some(match (over, base) {
        (Some(RetryFile::Schedule(over)), Some(RetryFile::Schedule(base))) => {
            RetryFile::Schedule(Box::new(over.over(*base)))
        }
        (Some(over), _) => over,
        (None, base) => return base,
    })
}

fn envelope(over: Option<EnvelopeFile>, base: Option<EnvelopeFile>) -> Option<EnvelopeFile> {
    over.or(base)
}

impl VariantFile {
    /// The keys that this variant states over `base`, or the tables around them where it replaces those whole.
    fn stated_over(&self, base: &ProviderFile) -> Vec<String> {
        let mut keys: Vec<String> = self.headers.keys().map(|name| format!("headers.{name}")).collect();
        match (&self.signature, &base.signature) {
            (Some(SignatureFile::Hmac(own)), Some(SignatureFile::Hmac(_))) => own.state("signature.hmac", &mut keys),
            (Some(SignatureFile::Token(own)), Some(SignatureFile::Token(_))) => own.state("signature.token", &mut keys),
            (Some(SignatureFile::Ed25519(own)), Some(SignatureFile::Ed25519(_))) => {
                own.state("signature.ed25519", &mut keys);
            }
            (Some(SignatureFile::Hash(own)), Some(SignatureFile::Hash(_))) => own.state("signature.hash", &mut keys),
            (Some(SignatureFile::Ecdsa(own)), Some(SignatureFile::Ecdsa(_))) => own.state("signature.ecdsa", &mut keys),
            (Some(SignatureFile::Rsa(own)), Some(SignatureFile::Rsa(_))) => own.state("signature.rsa", &mut keys),
            (Some(_), _) => keys.push("signature".into()),
            (None, _) => {}
        }
        match (&self.retry, &base.retry) {
            (Some(RetryFile::Schedule(own)), Some(RetryFile::Schedule(_))) => own.state("retry.schedule", &mut keys),
            (Some(_), _) => keys.push("retry".into()),
            (None, _) => {}
        }
        if self.envelope.is_some() {
            keys.push("envelope".into());
        }
        self.message.state("message", &mut keys);
        self.read.state("read", &mut keys);
        self.delivery.state("delivery", &mut keys);
        self.endpoint.state("endpoint", &mut keys);
        self.detect.state("detect", &mut keys);
        self.dedupe.state("dedupe", &mut keys);
        keys
    }
}

/// The assumptions that are left when some keys are stated by somebody else.
fn still_assumed(assumed: &[String], stated: &[String]) -> Vec<String> {
    let within = |key: &str, table: &str| {
        key.strip_prefix(table)
            .is_some_and(|r| r.is_empty() || r.starts_with('.'))
    };
    let free = |key: &&String| !stated.iter().any(|stated| within(key, stated));
    assumed.iter().filter(free).cloned().collect()
}

impl ProviderFile {
    /// The provider with a variant's keys over its own. What it assumes is what the two assume together.
    pub(super) fn with_variant(self, name: &str, variant: VariantFile) -> Self {
        let prefix = format!("variants.{name}.");
        let stated = variant.stated_over(&self);
        let own = self
            .assumed
            .iter()
            .filter_map(|key| key.strip_prefix(&prefix).map(str::to_owned));
        let mut assumed = still_assumed(&self.assumed, &stated);
        assumed.retain(|key| !key.starts_with("variants."));
        assumed.extend(own);
        let mut headers = self.headers;
        headers.extend(variant.headers);
        headers.retain(|_, value| !value.is_empty());
        Self {
            assumed,
            signature: signature(variant.signature, self.signature),
            headers,
            envelope: envelope(variant.envelope, self.envelope),
            message: variant.message.over(self.message),
            read: variant.read.over(self.read),
            delivery: variant.delivery.over(self.delivery),
            retry: retry(variant.retry, self.retry),
            endpoint: variant.endpoint.over(self.endpoint),
            detect: variant.detect.over(self.detect),
            dedupe: variant.dedupe.over(self.dedupe),
            ..self
        }
    }

    /// The keys that this file states over the one that it extends.
    fn stated_over(&self, base: &Self) -> Vec<String> {
        let own = self.clone();
        let mut keys = VariantFile {
            signature: own.signature,
            headers: own.headers,
            envelope: own.envelope,
            message: own.message,
            read: own.read,
            delivery: own.delivery,
            retry: own.retry,
            endpoint: own.endpoint,
            detect: own.detect,
            dedupe: own.dedupe,
            ..VariantFile::default()
        }
        .stated_over(base);
        own.naming.state("naming", &mut keys);
        keys.extend(own.test_event.map(|_| "test-event".to_owned()));
        keys.extend(own.secret.map(|_| "secret".to_owned()));
        keys.extend(own.api.map(|_| "api".to_owned()));
        keys.extend(own.handshake.map(|_| "handshake".to_owned()));
        keys.extend(own.handshakes.keys().map(|name| format!("handshakes.{name}")));
        keys.extend(own.params.keys().map(|name| format!("params.{name}")));
        keys.extend(own.variants.keys().map(|name| format!("variants.{name}")));
        keys
    }

    /// This file over the one it extends: tables key by key, catalogue and parameters entry by entry.
    pub(super) fn extending(self, base: Self) -> Self {
        let mut assumed = still_assumed(&base.assumed, &self.stated_over(&base));
        assumed.extend(self.assumed);
        let (mut headers, mut params) = (base.headers, base.params);
        let (mut events, mut variants) = (base.events, base.variants);
        headers.extend(self.headers);
        params.extend(self.params);
        events.extend(self.events);
        variants.extend(self.variants);
        let mut handshakes = base.handshakes;
        handshakes.extend(self.handshakes);
        Self {
            format: self.format,
            name: self.name,
            title: self.title.or(base.title),
            docs: self.docs.or(base.docs),
            extends: self.extends,
            assumed,
            notes: [base.notes, self.notes].concat(),
            secret: self.secret.or(base.secret),
            message: self.message.over(base.message),
            params,
            endpoint: self.endpoint.over(base.endpoint),
            workflow: self.workflow.or(base.workflow),
            inbound: self.inbound.or(base.inbound),
            naming: self.naming.over(base.naming),
            test_event: self.test_event.or(base.test_event),
            events,
            variants,
            signature: signature(self.signature, base.signature),
            headers,
            envelope: envelope(self.envelope, base.envelope),
            read: self.read.over(base.read),
            delivery: self.delivery.over(base.delivery),
            retry: retry(self.retry, base.retry),
            detect: self.detect.over(base.detect),
            dedupe: self.dedupe.over(base.dedupe),
            api: self.api.or(base.api),
            handshake: self.handshake.or(base.handshake),
            handshakes,
        }
    }
}
