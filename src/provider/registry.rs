//! Where profiles are found: the built-in ones by an index made at compile time, the user's by their files. Only the
//! profile in use is parsed.

mod catalogue;
mod error;
mod received;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize as _, Serialize};
use serde_json::Value;

use super::compose::{ComposeOptions, Composer};
use super::fault::{ProfileError, key_of};
use super::handshake::ChallengeMarks;
use super::near::near_names;
use super::overlay;
use super::profile::Profile;
use super::round_trip;
use crate::error::Error;
use crate::text::{halves, serialize_text};
pub use error::RegistryError;
use error::line_of;

/// The longest chain of `extends`: a longer one is taken for a circle.
const MOST_EXTENDED: usize = 8;

/// A built-in provider, as the build script writes it.
pub(crate) struct Builtin {
    name: &'static str,
    title: &'static str,
    first: bool,
    /// Whether its requests carry a signature or a token.
    signs: bool,
    events: &'static [(&'static str, &'static [&'static str])],
    detect: &'static [(Option<&'static str>, &'static [&'static str], &'static [&'static str])],
    variants: &'static [&'static str],
    handshakes: &'static [ChallengeMarks],
    /// The file as JSON, which is read several times faster than TOML.
    json: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// Where a provider comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Compiled in.
    Builtin,
    /// A file of the user's.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin => f.write_str("built in"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// A provider in a listing.
#[derive(Debug, Clone, Serialize)]
pub struct ProviderListing {
    /// On the command line.
    pub name: String,
    /// For people.
    pub title: String,
    /// How many events its catalogue has.
    pub events: usize,
    /// Where it comes from.
    #[serde(serialize_with = "serialize_text")]
    pub origin: Origin,
}

/// The providers that can be named.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    folder: Option<PathBuf>,
    compiled: Arc<Mutex<Compiled>>,
}

/// What was compiled from built-in files, which do not change: a command needs its provider up to four times, and each
/// compilation takes 0.2 ms of the few that a short one has.
#[derive(Debug, Default)]
struct Compiled {
    /// By label.
    profiles: BTreeMap<String, Arc<Profile>>,
    /// By name.
    ranked: BTreeMap<String, Vec<Arc<Profile>>>,
}

/// The name in `NAME` or `NAME@VARIANT`.
pub fn name_of(label: &str) -> &str {
    halves(label, '@').0
}

impl Registry {
    /// The provider of a body that belongs to none.
    pub const GENERIC: &'static str = GENERIC;

    /// The built-in providers, and the user's files in that folder when it exists.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            ..Self::default()
        }
    }

    fn compiled(&self) -> MutexGuard<'_, Compiled> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The profile of `NAME` or `NAME@VARIANT`.
    pub fn get(&self, label: &str) -> Result<Arc<Profile>, RegistryError> {
        let (name, variant) = halves(label, '@');
        let is_builtin = !self.user_files().contains_key(name);
        if is_builtin && let Some(known) = self.compiled().profiles.get(label) {
            return Ok(Arc::clone(known));
        }
        let (file, origin) = self.source(name, MOST_EXTENDED)?;
        if let Some(variant) = variant
            && file["variants"].get(variant).is_none()
        {
            return Err(RegistryError::UnknownVariant {
                provider: name.to_owned(),
                variant: variant.to_owned(),
                variants: keys(&file["variants"]),
            });
        }
        let profile = Arc::new(compile(&file, variant, &origin)?);
        if is_builtin {
            let mut compiled = self.compiled();
            compiled.profiles.insert(label.to_owned(), Arc::clone(&profile));
        }
        Ok(profile)
    }

    /// The variants of a provider that may decide a request by themselves, the highest rank first; the plain profile,
    /// whose rank is 0, is one of them.
    pub fn ranked(&self, name: &str) -> Result<Vec<Arc<Profile>>, RegistryError> {
        let is_builtin = !self.user_files().contains_key(name);
        if is_builtin && let Some(known) = self.compiled().ranked.get(name) {
            return Ok(known.clone());
        }
        let (file, origin) = self.source(name, MOST_EXTENDED)?;
        let variants = file["variants"].as_object().into_iter().flatten();
        let signing = variants.filter(|(_, variant)| variant.get("signature").is_some());
        let signing = signing.map(|(name, variant)| (variant["rank"].as_i64().unwrap_or(0), Some(name.as_str())));
        let mut ranks: Vec<_> = std::iter::once((0, None)).chain(signing).collect();
        // A stable sort: variants of the same rank keep the order of the file.
        ranks.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
        let profiles = ranks
            .into_iter()
            .map(|(_, variant)| compile(&file, variant, &origin).map(Arc::new));
        let profiles: Vec<_> = profiles.collect::<Result<_, _>>()?;
        if is_builtin {
            self.compiled().ranked.insert(name.to_owned(), profiles.clone());
        }
        Ok(profiles)
    }

    /// Reads and checks a file that is not in the folder: `providers check`.
    pub fn check(&self, path: &Path) -> Result<Profile, RegistryError> {
        let file = self.extended(read(path)?, MOST_EXTENDED)?;
        let origin = Origin::File(path.to_owned());
        let profile = compile(&file, None, &origin)?;
        for event in profile.events.keys() {
            if let Err(error) = Composer::new(&profile, ComposeOptions::example(&profile, event)) {
                let key = format!("events.\"{event}\".sample");
                return Err(invalid(&origin, ProfileError::new(&key, error.to_string())));
            }
        }
        round_trip::check(&profile).map_err(|error| invalid(&origin, error))?;
        for name in keys(&file["variants"]) {
            let variant = compile(&file, Some(&name), &origin)?;
            round_trip::check(&variant).map_err(|error| {
                let key = format!("variants.{name}.{}", error.key);
                invalid(&origin, ProfileError { key, ..error })
            })?;
        }
        Ok(profile)
    }

    /// Every provider: the built-in ones in their order, then the user's by name. A user's file with the name of a built-in
    /// provider replaces it.
    pub fn list(&self) -> Vec<ProviderListing> {
        self.sources().iter().map(Source::listing).collect()
    }

    /// The user's files that cannot be used, which other commands ignore.
    pub fn broken(&self) -> Vec<RegistryError> {
        let files = self.user_files().into_keys();
        files.filter_map(|name| self.get(&name).err()).collect()
    }

    /// Names of all providers, in the order of [`Registry::list`], without opening a file.
    pub fn names(&self) -> Vec<String> {
        self.sources().iter().map(|source| source.name().to_owned()).collect()
    }

    /// Names of the providers whose events are searched first.
    pub fn first() -> Vec<String> {
        let first = BUILTIN.iter().filter(|builtin| builtin.first);
        first.map(|builtin| builtin.name.to_owned()).collect()
    }

    fn sources(&self) -> Vec<Source> {
        let mut files = self.user_files();
        let builtin = BUILTIN.iter().map(|builtin| match files.remove(builtin.name) {
            Some(path) => Source::File(builtin.name.to_owned(), path),
            None => Source::Builtin(builtin),
        });
        let mut sources: Vec<Source> = builtin.collect();
        sources.extend(files.into_iter().map(|(name, path)| Source::File(name, path)));
        sources
    }

    /// The file of a provider, merged over those that it extends.
    fn source(&self, name: &str, depth: usize) -> Result<(Value, Origin), RegistryError> {
        if let Some(path) = self.user_files().remove(name) {
            let file = read(&path)?;
            // A file that changes two keys of the built-in it replaces extends that one, not itself.
            let file = if file["extends"] == name {
                let base = builtin(name).ok_or_else(|| circle(name))??;
                overlay::extending(&file, &base)
            } else {
                self.extended(file, depth)?
            };
            return Ok((file, Origin::File(path)));
        }
        let file = builtin(name).ok_or_else(|| RegistryError::Unknown {
            name: name.to_owned(),
            near: near_names(name, self.names().iter().map(String::as_str)),
        })??;
        Ok((self.extended(file, depth)?, Origin::Builtin))
    }

    fn extended(&self, file: Value, depth: usize) -> Result<Value, RegistryError> {
        match file["extends"].as_str() {
            None => Ok(file),
            Some(_) if depth == 0 => Err(circle(file["name"].as_str().unwrap_or_default())),
            Some(base) => {
                let (base, _) = self.source(base, depth - 1)?;
                Ok(overlay::extending(&file, &base))
            }
        }
    }

    fn user_files(&self) -> BTreeMap<String, PathBuf> {
        let entries = self.folder.as_ref().and_then(|folder| std::fs::read_dir(folder).ok());
        let paths = entries.into_iter().flatten().flatten().map(|entry| entry.path());
        let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
        let named = |path: PathBuf| Some((path.file_stem()?.to_str()?.to_owned(), path));
        files.filter_map(named).collect()
    }
}

/// A provider that can be named.
enum Source {
    Builtin(&'static Builtin),
    /// Its name and its file.
    File(String, PathBuf),
}

impl Source {
    fn name(&self) -> &str {
        match self {
            Self::Builtin(builtin) => builtin.name,
            Self::File(name, _) => name,
        }
    }

    fn listing(&self) -> ProviderListing {
        match self {
            Self::Builtin(builtin) => ProviderListing {
                name: builtin.name.to_owned(),
                title: builtin.title.to_owned(),
                events: builtin.events.len(),
                origin: Origin::Builtin,
            },
            Self::File(name, path) => {
                let file = read(path).unwrap_or_default();
                ProviderListing {
                    name: name.clone(),
                    title: file["title"].as_str().unwrap_or(name).to_owned(),
                    events: file["events"].as_object().map_or(0, serde_json::Map::len),
                    origin: Origin::File(path.clone()),
                }
            }
        }
    }
}

fn builtin(name: &str) -> Option<Result<Value, RegistryError>> {
    let builtin = BUILTIN.iter().find(|builtin| builtin.name == name)?;
    let file = serde_json::from_str(builtin.json);
    Some(file.map_err(|error| invalid(&Origin::Builtin, ProfileError::new(name, error.to_string()))))
}

/// The tables of a file, each key and value of which is one that the format knows. Read twice: once as the types of the
/// format, for faults with their line and column, and once as plain tables, which can be laid over others.
fn parse(text: &str, file: &str) -> Result<Value, RegistryError> {
    let invalid = |key: String, source: toml::de::Error| RegistryError::Syntax {
        file: file.to_owned(),
        key,
        near: near_keys(source.message()),
        source: Box::new(source),
    };
    let typed = toml::Deserializer::parse(text).map_err(|error| invalid(String::new(), error))?;
    serde_path_to_error::deserialize::<_, Profile>(typed)
        .map_err(|error| invalid(key_of(error.path()), error.into_inner()))?;
    let plain = toml::Deserializer::parse(text).and_then(Value::deserialize);
    plain.map_err(|error| invalid(String::new(), error))
}

/// The keys that a mistyped one may have meant: the parser's message names it first, and then those that there are.
fn near_keys(message: &str) -> Vec<String> {
    // The parser has no other form of this than its text, which ends in a list of the accepted names.
    let unknown = ["unknown field ", "unknown variant "];
    let Some(rest) = unknown.iter().find_map(|beginning| message.strip_prefix(beginning)) else {
        return Vec::new();
    };
    // What is between backticks is every second piece.
    let mut names = rest.split('`').skip(1).step_by(2);
    names.next().map_or_else(Vec::new, |typed| near_names(typed, names))
}

fn read(path: &Path) -> Result<Value, RegistryError> {
    let file = path.display().to_string();
    let unreadable = |error| Error::usage(format!("provider file `{file}` cannot be read")).cause(error);
    let text = std::fs::read_to_string(path).map_err(|error| RegistryError::File(unreadable(error)))?;
    parse(&text, &file)
}

fn compile(file: &Value, variant: Option<&str>, origin: &Origin) -> Result<Profile, RegistryError> {
    Profile::read(file, variant).map_err(|error| invalid(origin, error))
}

fn circle(name: &str) -> RegistryError {
    let what = format!("`extends` of provider `{name}` goes round in a circle");
    RegistryError::File(Error::usage(what))
}

fn invalid(origin: &Origin, fault: ProfileError) -> RegistryError {
    let text = match origin {
        Origin::Builtin => String::new(),
        Origin::File(path) => std::fs::read_to_string(path).unwrap_or_default(),
    };
    RegistryError::Value {
        file: origin.to_string(),
        line: line_of(&text, &fault.key),
        fault,
    }
}

fn keys(table: &Value) -> Vec<String> {
    let table = table.as_object().into_iter();
    table.flat_map(|table| table.keys().cloned()).collect()
}

fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_builtin_says_what_its_file_says() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/provider/builtin");
        for entry in BUILTIN {
            let written = read(&folder.join(entry.name).with_extension("toml")).unwrap();
            assert_eq!(builtin(entry.name).unwrap().unwrap(), written, "{}", entry.name);
        }
    }

    use crate::clock::Timestamp;
    use crate::id::{Id, IdKind};
    use crate::provider::compose::{ComposeOptions, Composer};
    use crate::random::Random;

    #[test]
    fn every_builtin_and_every_variant_compiles_and_every_event_makes_a_message() {
        let registry = Registry::default();
        for builtin in BUILTIN {
            let profile = registry.get(builtin.name).unwrap_or_else(|error| panic!("{error}"));
            for variant in profile.variants.keys() {
                let label = format!("{}@{variant}", builtin.name);
                let profile = registry.get(&label).unwrap_or_else(|error| panic!("{label}: {error}"));
                assert_eq!(profile.label(), label);
            }
            for event in profile.events.keys() {
                let options = ComposeOptions {
                    event: event.clone(),
                    ..ComposeOptions::default()
                };
                let composer = Composer::new(&profile, options).unwrap_or_else(|error| panic!("{event}: {error}"));
                let at = Timestamp::from_unix(1_893_553_445);
                let compose = || {
                    composer
                        .compose(Id::new(IdKind::Message, at, &Random::os()), at, &Random::os())
                        .unwrap()
                };
                let message = compose();
                let text = std::str::from_utf8(&message.body).unwrap();
                assert!(!text.contains("${"), "{event}: {text}");
                let again = compose();
                assert_ne!(
                    message.body, again.body,
                    "`{event}` of {} is the same event twice",
                    builtin.name
                );
            }
        }
    }

    #[test]
    fn a_thousand_samples_of_one_second_are_events_of_their_own() {
        let registry = Registry::default();
        let at = Timestamp::from_unix(1_893_553_445);
        for builtin in BUILTIN {
            let profile = registry.get(builtin.name).unwrap();
            for event in profile.events.keys().take(8) {
                let options = ComposeOptions {
                    event: event.clone(),
                    ..ComposeOptions::default()
                };
                let composer = Composer::new(&profile, options).unwrap();
                let mut keys = std::collections::HashSet::new();
                // One source, as in a run that sends them all.
                let random = Random::os();
                for _ in 0..1000 {
                    let id = Id::new(IdKind::Message, at, &random);
                    let message = composer.compose(id, at, &random).unwrap();
                    let target = crate::provider::RequestTarget {
                        method: "POST",
                        url: "https://a.example/",
                        retries: 0,
                        retry_reason: None,
                    };
                    let (headers, _) = profile.request(&message, None, at, target).unwrap();
                    let key = profile.facts(&headers, &message.body).dedupe_key;
                    // Where nothing that is signed tells two events apart, the same content is the same event.
                    let Some(key) = key else { continue };
                    assert!(keys.insert(key), "`{event}` of {} comes twice", builtin.name);
                }
            }
        }
    }

    #[test]
    fn an_event_is_found_by_name_before_alias_and_in_the_first_group_before_the_others() {
        let registry = Registry::default();
        let providers = |event| {
            registry
                .find_event(event, None)
                .into_iter()
                .map(|m| m.provider)
                .collect::<Vec<_>>()
        };
        assert_eq!(providers("job.paid"), ["poolflow"]);
        assert_eq!(
            providers("job.created"),
            ["poolflow"],
            "pool-brain has it as an alias only"
        );
        assert_eq!(providers("job.Deleted"), ["pool-brain"]);
        assert_eq!(providers("customer.created"), ["pool-brain", "pocketsflow"]);
        assert_eq!(providers("no.such"), Vec::<String>::new());
    }

    #[test]
    fn a_file_is_checked_by_a_request_that_it_signs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acme.toml");
        let check = |more: &str| {
            std::fs::write(&path, format!("format = 1\nname = \"acme\"\n{more}")).unwrap();
            Registry::default()
                .check(&path)
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        let hmac = "[signature.hmac]\nheader = \"X-A\"\ncontent = \"${timestamp}.${body}\"\n";
        for value in [
            "${timestamp},${signature}",
            "v1:${timestamp}:${signature}",
            "t=${timestamp};${signature}",
            "${signature} ${timestamp}",
        ] {
            assert_eq!(check(&format!("{hmac}value = \"{value}\"\n")), Ok(()), "{value}");
        }
        let error = check(&format!("{hmac}value = \"${{timestamp}}${{signature}}\"\n")).unwrap_err();
        assert!(error.contains("two placeholders need a text between them"), "{error}");
        let separators = "value = \"${timestamp},${signature}\"\nlist = \",\"\n";
        let error = check(&format!("{hmac}{separators}")).unwrap_err();
        assert!(
            error.contains("line 3") && error.contains("refuses what it signs itself"),
            "{error}"
        );
        let variant = "[signature.unsigned]\n[variants.old]\nsummary = \"Old\"\nsignature.hmac.header = \"X-A\"\n\
                       signature.hmac.key = \"hex\"\n";
        let error = check(variant).unwrap_err();
        assert!(error.contains("variants.old.secret.form"), "{error}");
    }

    #[test]
    fn a_mistyped_key_has_near_names() {
        assert_eq!(
            near_keys("unknown field `headre`, expected one of `header`, `key`"),
            ["header"]
        );
        assert_eq!(
            near_keys("invalid type: string \"`a`\", expected `b`"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_user_file_overrides_extends_and_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write(
            "acme.toml",
            "format = 1\nname = \"acme\"\nextends = \"slotflow\"\n[signature.hmac]\nheader = \"X-Acme\"\n",
        );
        let registry = Registry::new(Some(folder.path().to_owned()));
        let acme = registry.get("acme").unwrap();
        assert_eq!(acme.scheme.header(), Some("X-Acme"));
        assert!(acme.events.contains_key("booking.confirmed"));
        write(
            "acme.toml",
            "format = 1\nname = \"acme\"\n[signature.hmac]\nheadre = \"X-Acme\"\n",
        );
        let Err(RegistryError::Syntax { source, .. }) = registry.get("acme") else {
            panic!("must be refused")
        };
        let text = source.to_string();
        assert!(
            text.contains("line 4, column 1") && text.contains("headre") && text.contains("`header`"),
            "{text}"
        );
        write(
            "acme.toml",
            "format = 1\nname = \"acme\"\n[signature.hmac]\nheader = \"X\"\ncontent = \"${bodi}\"\n",
        );
        let error = registry.get("acme").unwrap_err();
        assert!(error.to_string().ends_with("`signature.hmac.content`"), "{error}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            cause.contains("line 5, column 11") && cause.contains("${bodi}"),
            "{cause}"
        );
    }
}
