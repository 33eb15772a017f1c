//! What operator pages are made of, and the one template that renders them.

use super::svg::Drawing;
use crate::http::pages::assets;
use crate::http::pages::prose::Prose;
use askama::Template;
use doorward_core::states::Tone;

/// A page for operators.
#[derive(Template, Default)]
#[template(path = "operator.html")]
pub(super) struct View {
    /// The title and heading.
    pub(super) title: String,
    /// The state of what the page is about.
    pub(super) state: Option<State>,
    /// A sentence below the heading.
    pub(super) lead: Prose,
    /// How far below the root the page is.
    pub(super) depth: usize,
    /// When it was made.
    pub(super) now: Prose,
    /// What everybody must see first.
    pub(super) banners: Vec<Prose>,
    /// What is known, by name.
    pub(super) facts: Vec<(&'static str, Cell)>,
    /// What can be done here.
    pub(super) acts: Vec<Act>,
    /// What follows.
    pub(super) sections: Vec<Section>,
    /// The commands that show the same.
    pub(super) commands: Vec<String>,
    /// A form that looks something up.
    pub(super) find: Option<Find>,
    /// A form that asks for confirmation.
    pub(super) confirm: Option<Confirm>,
}

/// A part of a page.
#[derive(Default)]
pub(super) struct Section {
    /// Its anchor.
    pub(super) id: &'static str,
    /// Its heading.
    pub(super) heading: String,
    /// How many there are in all.
    pub(super) count: Option<usize>,
    /// Where there is more of it: a text and a path below the root.
    pub(super) more: Option<(String, String)>,
    /// What is said where there is nothing.
    pub(super) empty: &'static str,
    /// Its lines, each with what can be done.
    pub(super) lines: Vec<Line>,
    /// Its table.
    pub(super) table: Option<Table>,
    /// Its drawings, each with its caption.
    pub(super) drawings: Vec<(Prose, Drawing)>,
    /// The drawings' colours: a class and what it stands for.
    pub(super) key: Vec<(&'static str, &'static str)>,
}

/// A line of a list.
pub(super) struct Line {
    /// What it says.
    pub(super) what: Cell,
    /// Since when, as people say it.
    pub(super) age: String,
    /// What to do.
    pub(super) act: Option<Act>,
}

/// A table: its first column names the row.
pub(super) struct Table {
    /// What it shows.
    pub(super) caption: &'static str,
    /// The columns' headings.
    pub(super) columns: Vec<&'static str>,
    /// The rows.
    pub(super) rows: Vec<Vec<Cell>>,
}

/// What a place of a table holds.
#[derive(Clone, Default)]
pub(super) struct Cell {
    /// A text.
    pub(super) text: Prose,
    /// Where it leads, below the root.
    pub(super) link: Option<String>,
    /// A state beside it.
    pub(super) state: Option<State>,
    /// What is said below it.
    pub(super) small: Option<Prose>,
    /// A drawing below it.
    pub(super) drawing: Option<Drawing>,
}

/// A state's word and how good it is.
#[derive(Clone, Copy)]
pub(super) struct State {
    /// The word.
    pub(super) word: &'static str,
    /// The class.
    pub(super) tone: &'static str,
}

/// Something to do: it leads to a page that asks for confirmation, or that shows more.
pub(super) struct Act {
    /// What.
    pub(super) text: String,
    /// Where, below the root.
    pub(super) link: String,
}

/// A form that looks something up: fields by name, label and value.
pub(super) struct Find {
    /// Where it leads, below the root.
    pub(super) action: &'static str,
    /// Its fields: name, label, type and value.
    pub(super) fields: Vec<Field>,
}

/// A field of a form.
pub(super) struct Field {
    /// Its name.
    pub(super) name: &'static str,
    /// What it is for.
    pub(super) label: &'static str,
    /// Its type in HTML.
    pub(super) kind: &'static str,
    /// What is in it.
    pub(super) value: String,
    /// Whether something must be in it.
    pub(super) required: bool,
}

/// A form that asks for confirmation.
pub(super) struct Confirm {
    /// What the button says.
    pub(super) button: String,
    /// Where one goes instead, below the root.
    pub(super) back: String,
    /// Its fields.
    pub(super) fields: Vec<Field>,
}

impl State {
    /// Of a word and its tone.
    pub(super) fn new(word: &'static str, tone: Tone) -> Self {
        Self {
            word,
            tone: tone.class(),
        }
    }

    /// As people read it.
    fn said(&self) -> String {
        self.word.replace('_', " ")
    }
}

impl Cell {
    /// A text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self {
            text: Prose::new(text),
            ..Self::default()
        }
    }

    /// A text that leads somewhere.
    pub(super) fn link(text: impl Into<String>, link: String) -> Self {
        Self {
            link: Some(link),
            ..Self::text(text)
        }
    }

    /// With a state beside it.
    pub(super) fn state(self, word: &'static str, tone: Tone) -> Self {
        Self {
            state: Some(State::new(word, tone)),
            ..self
        }
    }

    /// With a text below it, if there is one.
    pub(super) fn small(self, small: impl Into<String>) -> Self {
        let small = small.into();
        Self {
            small: (!small.is_empty()).then(|| Prose::new(small)),
            ..self
        }
    }

    /// With a drawing below it.
    pub(super) fn drawing(self, drawing: Drawing) -> Self {
        Self {
            drawing: Some(drawing),
            ..self
        }
    }
}

impl Section {
    /// A part with a heading.
    pub(super) fn new(id: &'static str, heading: impl Into<String>, empty: &'static str) -> Self {
        Self {
            id,
            heading: heading.into(),
            empty,
            ..Self::default()
        }
    }

    /// Whether there is nothing in it.
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.table.is_none() && self.drawings.is_empty()
    }

    /// With a table, if it has rows.
    pub(super) fn table(
        self,
        caption: &'static str,
        columns: &[&'static str],
        rows: Vec<Vec<Cell>>,
    ) -> Self {
        let columns = columns.to_vec();
        let table = (!rows.is_empty()).then_some(Table {
            caption,
            columns,
            rows,
        });
        Self { table, ..self }
    }

    /// With a way to more of it.
    pub(super) fn more(self, text: impl Into<String>, link: impl Into<String>) -> Self {
        Self {
            more: Some((text.into(), link.into())),
            ..self
        }
    }
}

impl Table {
    /// The cells of a row after the first, each with its column's heading.
    fn rest<'a>(&'a self, row: &'a [Cell]) -> impl Iterator<Item = (&'static str, &'a Cell)> {
        self.columns.iter().copied().zip(row).skip(1)
    }
}
