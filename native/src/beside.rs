//! Files that this module shares with the brain, in the folder where Envoy finds the module. They are opened once, so whoever makes them
//! must never replace them.

use std::env;
use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::sync::OnceLock;

/// <https://www.envoyproxy.io/docs/envoy/v1.40.0/intro/arch_overview/advanced/dynamic_modules>
const FOLDER: &str = "ENVOY_DYNAMIC_MODULES_SEARCH_PATH";

/// One of them.
pub struct Beside {
    path: PathBuf,
    written: bool,
    file: OnceLock<File>,
}

impl Beside {
    /// It need not be there yet. `written`: by this module, too.
    pub fn named(name: &str, written: bool) -> Beside {
        let path = PathBuf::from(env::var_os(FOLDER).unwrap_or_default()).join(name);
        Beside { path, written, file: OnceLock::new() }
    }

    /// None while it is not there, or may not be opened.
    pub fn file(&self) -> Option<&File> {
        match self.file.get() {
            Some(file) => Some(file),
            None => {
                let file = OpenOptions::new().read(true).write(self.written).open(&self.path).ok()?;
                Some(self.file.get_or_init(|| file))
            }
        }
    }
}
