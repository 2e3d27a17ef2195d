//! One file over another: a variant over its provider, a file over the one it extends.

use super::file::{
    AsymmetricFile, DedupeFile, DeliveryFile, DetectFile, EndpointFile, EnvelopeFile, HmacFile, MessageFile,
    ProviderFile, ReadFile, RetryFile, ScheduleFile, SignatureFile, TokenFile, VariantFile,
};

/// Lists a table's optional keys once, so that none is forgotten when one is added: the pattern is exhaustive.
macro_rules! merge_keys {
    ($table:ty { $($key:ident),* $(,)? }) => {
        impl $table {
            fn over(self, base: Self) -> Self {
                let Self { $($key),* } = self;
                Self { $($key: $key.or(base.$key)),* }
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
});
merge_keys!(MessageFile { id, metadata });
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
    disable_on,
});

fn signature(over: Option<SignatureFile>, base: Option<SignatureFile>) -> Option<SignatureFile> {
    Some(match (over, base) {
        (Some(SignatureFile::Hmac(over)), Some(SignatureFile::Hmac(base))) => SignatureFile::Hmac(over.over(base)),
        (Some(SignatureFile::Token(over)), Some(SignatureFile::Token(base))) => SignatureFile::Token(over.over(base)),
        (Some(SignatureFile::Ed25519(over)), Some(SignatureFile::Ed25519(base))) => {
            SignatureFile::Ed25519(over.over(base))
        }
        (Some(SignatureFile::Rsa(over)), Some(SignatureFile::Rsa(base))) => SignatureFile::Rsa(over.over(base)),
        (Some(over), _) => over,
        (None, base) => return base,
    })
}

fn retry(over: Option<RetryFile>, base: Option<RetryFile>) -> Option<RetryFile> {
    Some(match (over, base) {
        (Some(RetryFile::Schedule(over)), Some(RetryFile::Schedule(base))) => RetryFile::Schedule(over.over(base)),
        (Some(over), _) => over,
        (None, base) => return base,
    })
}

fn envelope(over: Option<EnvelopeFile>, base: Option<EnvelopeFile>) -> Option<EnvelopeFile> {
    over.or(base)
}

impl ProviderFile {
    /// The provider with a variant's keys over its own.
    pub(super) fn with_variant(self, variant: VariantFile) -> Self {
        let mut headers = self.headers;
        headers.extend(variant.headers);
        Self {
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

    /// This file over the one it extends: tables key by key, catalogue and parameters entry by entry.
    pub(super) fn extending(self, base: Self) -> Self {
        let (mut headers, mut params) = (base.headers, base.params);
        let (mut events, mut variants) = (base.events, base.variants);
        headers.extend(self.headers);
        params.extend(self.params);
        events.extend(self.events);
        variants.extend(self.variants);
        Self {
            format: self.format,
            name: self.name,
            title: self.title.or(base.title),
            docs: self.docs.or(base.docs),
            extends: self.extends,
            assumed: [base.assumed, self.assumed].concat(),
            notes: [base.notes, self.notes].concat(),
            secret: self.secret.or(base.secret),
            message: self.message.over(base.message),
            params,
            endpoint: self.endpoint.over(base.endpoint),
            workflow: self.workflow.or(base.workflow),
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
        }
    }
}
