//! The names by which profiles are asked for, without compiling one.

use super::{BUILTIN, GENERIC, Origin, ProviderListing, Registry};

impl Registry {
    /// The provider of a body that belongs to none.
    pub const GENERIC: &'static str = GENERIC;

    /// Every `NAME` and `NAME@VARIANT` with the provider's title, in the order of [`Registry::list`]: completions.
    pub fn labels(&self) -> Vec<(String, String)> {
        let mut labels = Vec::new();
        for listing in self.list() {
            let variants = self.variants(&listing);
            let variants = variants.iter().map(|variant| format!("{}@{variant}", listing.name));
            let names = std::iter::once(listing.name.clone()).chain(variants);
            labels.extend(names.map(|name| (name, listing.title.clone())));
        }
        labels
    }

    /// None of a file that cannot be used.
    fn variants(&self, listing: &ProviderListing) -> Vec<String> {
        match listing.origin {
            Origin::Builtin => BUILTIN
                .iter()
                .filter(|builtin| builtin.name == listing.name)
                .flat_map(|builtin| builtin.variants)
                .map(|variant| (*variant).to_owned())
                .collect(),
            Origin::File(_) => self
                .source(&listing.name, 8)
                .map_or_else(|_| Vec::new(), |(file, _)| super::keys(&file["variants"])),
        }
    }
}
