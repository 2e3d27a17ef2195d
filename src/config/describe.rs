//! Every setting with its origin.

use serde::Serialize;

use super::{Layer, SettingOrigin, Settings};
use crate::mask;

/// A setting without the credentials of the URLs in it.
#[derive(Debug, Serialize)]
pub struct DescribedSetting {
    /// `table.name`
    pub key: String,
    /// The effective value.
    pub value: toml::Value,
    /// `default`, `user`, `project` or `environment`.
    pub origin: &'static str,
    /// Its file, or the variable.
    pub source: Option<String>,
}

/// The settings, then the workflows, each from the strongest layer that has it. The defaults have every key.
pub fn describe(settings: &Settings) -> Vec<DescribedSetting> {
    let layers: Vec<_> = settings.layers.iter().rev().collect();
    let entries: Vec<_> = layers.iter().map(|layer| layer.file.entries()).collect();
    let count = entries.last().map_or(0, Vec::len);
    let setting = |index: usize| {
        layers.iter().zip(&entries).find_map(|(layer, entries)| {
            let (key, value) = entries.get(index)?;
            Some(DescribedSetting::new(layer, (*key).clone(), value.as_ref()?))
        })
    };
    let workflow = |name: &String| {
        let layer = layers.iter().find(|layer| layer.file.workflow.contains_key(name))?;
        let value = settings.workflows.get(name)?.entry()?;
        Some(DescribedSetting::new(layer, format!("workflow.{name}"), &value))
    };
    let workflows = settings.workflows.keys().filter_map(workflow);
    (0..count).filter_map(setting).chain(workflows).collect()
}

impl DescribedSetting {
    fn new(layer: &Layer, key: String, value: &toml::Value) -> Self {
        let (origin, source) = match &layer.origin {
            SettingOrigin::Default => ("default", None),
            SettingOrigin::User(path) => ("user", Some(path.display().to_string())),
            SettingOrigin::Project(path) => ("project", Some(path.display().to_string())),
            SettingOrigin::Environment => ("environment", Some(format!("HOOK_{}", key.to_uppercase()))),
        };
        let value = harmless(value);
        Self {
            key,
            value,
            origin,
            source,
        }
    }

    /// Table and name, the name as TOML writes it.
    pub fn table_and_name(&self) -> (&str, String) {
        match self.key.split_once('.') {
            Some((table @ "workflow", name)) => (table, toml::Value::from(name).to_string()),
            Some((table, name)) => (table, name.to_owned()),
            None => ("", self.key.clone()),
        }
    }
}

fn harmless(value: &toml::Value) -> toml::Value {
    use toml::Value;
    match value {
        Value::String(text) => Value::String(mask::text(text).into_owned()),
        Value::Array(items) => Value::Array(items.iter().map(harmless).collect()),
        Value::Table(table) => {
            let entries = table.iter();
            Value::Table(entries.map(|(key, value)| (key.clone(), harmless(value))).collect())
        }
        other => other.clone(),
    }
}
