//! What is wrong with a file that a person wrote, shown where it stands: file, line, column, the line
//! itself with a caret, the field, and what to do next.

use std::fmt;
use std::ops::Range;

/// Where something stands in a text. Lines and columns are counted from 1, columns in characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The line; 0 where it is not known.
    pub line: usize,
    /// The column of the first character.
    pub column: usize,
    /// How many characters, at least one is underlined.
    pub width: usize,
    /// The same in bytes of the whole text.
    pub bytes: Range<usize>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as the user named it.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// The line, with secrets blanked; `None` where it may not or cannot be shown.
    pub shown: Option<String>,
    /// The field's path: `sources[0].auth.keys`. Empty for the document itself.
    pub field: String,
    /// What is wrong.
    pub what: String,
    /// What to do next.
    pub help: Option<String>,
    /// Whether the file can be used all the same.
    pub warning: bool,
}

/// Everything that is wrong, in the order of files and lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Takes the warnings out of what is there: the first are those, the second what is left.
    pub fn split(self) -> (Self, Self) {
        let (warnings, errors) = self.0.into_iter().partition(|problem| problem.warning);
        (Self(warnings), Self(errors))
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column, .. } = self.place;
        let severity = if self.warning { "warning" } else { "error" };
        write!(f, "{severity}: {}", self.what)?;
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        if line == 0 {
            write!(f, "\n{margin}--> {}", self.file)?;
        } else {
            write!(f, "\n{margin}--> {}:{line}:{column}", self.file)?;
        }
        if let Some(shown) = &self.shown {
            let (text, before) = crop(shown, column.saturating_sub(1));
            let most = text.chars().count().saturating_sub(before).max(1);
            let width = self.place.width.clamp(1, most);
            let (blank, carets) = (" ".repeat(before), "^".repeat(width));
            write!(
                f,
                "\n{margin} |\n{number} | {text}\n{margin} | {blank}{carets}"
            )?;
        }
        if !self.field.is_empty() {
            write!(f, "\n{margin} = field: {}", self.field)?;
        }
        match &self.help {
            Some(help) => write!(f, "\n{margin} = help: {help}"),
            None => Ok(()),
        }
    }
}

impl Problem {
    /// The problem in one line, as a log tells it.
    pub fn in_a_line(&self) -> String {
        let mut told = match self.place.line {
            0 => vec![self.file.clone()],
            line => vec![format!("{}:{line}", self.file)],
        };
        if !self.field.is_empty() {
            told.push(format!("`{}`", self.field));
        }
        told.push(self.what.clone());
        told.extend(self.help.clone());
        told.join(": ")
    }
}

/// How much of a line is shown, in characters.
const SHOWN: usize = 120;

/// A window of `line` around the character at `at`, and where in the window that character is.
fn crop(line: &str, at: usize) -> (String, usize) {
    let clean = |letter: char| if letter.is_control() { ' ' } else { letter };
    let letters: Vec<char> = line.trim_end().chars().map(clean).collect();
    if letters.len() <= SHOWN {
        return (letters.into_iter().collect(), at);
    }
    let start = at
        .saturating_sub(SHOWN / 2)
        .min(letters.len().saturating_sub(SHOWN));
    let window: String = letters.iter().skip(start).take(SHOWN).collect();
    if start == 0 {
        (format!("{window}…"), at)
    } else {
        (
            format!("…{window}…"),
            at.saturating_sub(start).saturating_add(1),
        )
    }
}

/// What others call it, and its name here.
const SYNONYMS: [(&str, &str); 8] = [
    ("deny", "forbid"),
    ("block", "forbid"),
    ("reject", "forbid"),
    ("refuse", "forbid"),
    ("permit", "allow"),
    ("accept", "allow"),
    ("approve", "ask"),
    ("notify", "alert"),
];

/// The names that come near to a wrong one: for "did you mean".
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let wrong = wrong.to_lowercase();
    let known: Vec<&str> = known.into_iter().collect();
    let meant = SYNONYMS.iter().filter(|(word, _)| *word == wrong);
    let mut meant = meant.filter(|(_, name)| known.contains(name));
    if let Some((_, name)) = meant.next() {
        return Some(format!("did you mean `{name}`?"));
    }
    let distance = |name: &str| strsim::damerau_levenshtein(&wrong, &name.to_lowercase());
    let (near, name) = known
        .into_iter()
        .map(|name| (distance(name), name))
        .min_by_key(|(distance, _)| *distance)?;
    let tolerated = (wrong.chars().count() / 3).max(1);
    (near <= tolerated).then(|| format!("did you mean `{name}`?"))
}

/// Collects what is wrong with one file, and knows which parts of it must not be shown.
#[derive(Debug)]
pub struct Sink<'a> {
    file: &'a str,
    text: &'a str,
    found: Vec<Problem>,
    guarded: bool,
    secret: Vec<Range<usize>>,
}

impl<'a> Sink<'a> {
    /// For the file of this name with this text.
    pub fn new(file: &'a str, text: &'a str) -> Self {
        Self {
            file,
            text,
            found: Vec::new(),
            guarded: false,
            secret: Vec::new(),
        }
    }

    /// For a file in which somebody may have written a secret.
    pub fn guarded(file: &'a str, text: &'a str) -> Self {
        Self {
            guarded: true,
            ..Self::new(file, text)
        }
    }

    /// The file's name.
    pub fn file(&self) -> &'a str {
        self.file
    }

    /// Notes an error; `help` may be empty.
    pub fn error(&mut self, place: &Place, field: &str, what: String, help: impl Into<String>) {
        self.note(place, field, what, help.into());
    }

    /// Notes a warning.
    pub fn warn(&mut self, place: &Place, field: &str, what: String, help: impl Into<String>) {
        self.note(place, field, what, help.into());
        if let Some(problem) = self.found.last_mut() {
            problem.warning = true;
        }
    }

    fn note(&mut self, place: &Place, field: &str, what: String, help: String) {
        self.found.push(Problem {
            file: self.file.to_owned(),
            place: place.clone(),
            shown: None,
            field: field.to_owned(),
            what,
            help: (!help.is_empty()).then_some(help),
            warning: false,
        });
    }

    /// These bytes may be a secret: no problem of a guarded file shows them.
    pub fn hide(&mut self, bytes: Range<usize>) {
        if self.guarded {
            self.secret.push(bytes);
        }
    }

    /// No problem shows what stands in a URL after its scheme, wherever it stands: it may hold a secret.
    pub fn hide_urls(&mut self) {
        let text = self.text.strip_prefix('\u{feff}').unwrap_or(self.text);
        for (scheme, _) in text.match_indices("://") {
            let start = scheme.saturating_add(3);
            let rest = text.get(start..).unwrap_or_default();
            let end = |letter: char| letter.is_whitespace() || "\"'".contains(letter);
            let length = rest.find(end).unwrap_or(rest.len());
            self.secret.push(start..start.saturating_add(length));
        }
    }

    /// Nothing is known of the file's structure: of each line of a guarded file only what stands
    /// before the first colon is shown.
    pub fn hide_values(&mut self) {
        let text = self.text.strip_prefix('\u{feff}').unwrap_or(self.text);
        for line in text.split_inclusive('\n') {
            let start = (line.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
            let colon = line.find(':').map_or(0, |colon| colon.saturating_add(1));
            let value = line.get(colon..).unwrap_or_default();
            let from = line.len().saturating_sub(value.trim_start().len());
            self.hide(start.saturating_add(from)..start.saturating_add(line.trim_end().len()));
        }
    }

    /// Whether an error, not merely a warning, was noted.
    pub fn failed(&self) -> bool {
        self.found.iter().any(|problem| !problem.warning)
    }

    /// What was found, in the order of lines, each with its line.
    pub fn finish(mut self) -> Problems {
        for problem in &mut self.found {
            problem.shown = shown(self.text, problem.place.line, &self.secret);
        }
        self.found
            .sort_by_key(|problem| (problem.place.line, problem.place.column));
        Problems(self.found)
    }
}

/// Line `number` of `text` with every character of a secret replaced.
fn shown(text: &str, number: usize, secret: &[Range<usize>]) -> Option<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let line = text.lines().nth(number.checked_sub(1)?)?;
    let start = (line.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let blanked = line.char_indices().map(|(offset, letter)| {
        let at = start.saturating_add(offset);
        if secret.iter().any(|bytes| bytes.contains(&at)) {
            '*'
        } else {
            letter
        }
    });
    Some(blanked.collect())
}

#[cfg(test)]
mod tests;
