//! Reads YAML (and so JSON) strictly, and remembers where everything stands.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::scalar;

/// Line and column, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A value where it stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) tree: Tree,
}

#[derive(Clone, Debug, Default)]
pub(super) enum Tree {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    /// In the order written, no key twice.
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) at: Place,
    pub(super) name: String,
}

/// Something wrong, not yet said of which object.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) at: Place,
    pub(super) path: String,
    pub(super) message: String,
    pub(super) remedy: String,
}

/// Documents and faults, each with the number of its document, from 1.
pub(super) struct Read {
    pub(super) documents: Vec<(usize, Node)>,
    pub(super) faults: Vec<(usize, Fault)>,
}

/// A manifest that is larger is an attack, or an alias that names itself many times over.
const MOST_NODES: usize = 1_000_000;
const DEEPEST: usize = 200;

/// Reads all documents up to the first that is no YAML.
pub(super) fn read(text: &str) -> Read {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: BTreeMap::new(),
        faults: Vec::new(),
        path: Vec::new(),
        room: MOST_NODES,
    };
    let mut read = Read {
        documents: Vec::new(),
        faults: Vec::new(),
    };
    for document in 1.. {
        let next = reader.document();
        read.faults
            .extend(reader.faults.drain(..).map(|fault| (document, fault)));
        match next {
            Ok(Some(node)) => read.documents.push((document, node)),
            Ok(None) => break,
            Err(fault) => {
                read.faults.push((document, *fault));
                break;
            }
        }
    }
    read
}

impl Node {
    pub(super) fn field(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|(_, node)| node)
    }

    pub(super) fn entry(&self, name: &str) -> Option<&(Key, Node)> {
        match &self.tree {
            Tree::Map(entries) => entries.iter().find(|(key, _)| key.name == name),
            Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) | Tree::List(_) => None,
        }
    }

    pub(super) fn item(&self, index: usize) -> Option<&Node> {
        match &self.tree {
            Tree::List(items) => items.get(index),
            Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) | Tree::Map(_) => None,
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.tree {
            Tree::Text(text) => Some(text),
            Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::List(_) | Tree::Map(_) => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.tree, Tree::Null)
    }

    pub(super) fn into_items(self, field: &str) -> Vec<Node> {
        let Tree::Map(entries) = self.tree else {
            return Vec::new();
        };
        let items = entries.into_iter().find(|(key, _)| key.name == field);
        match items.map(|(_, node)| node.tree) {
            Some(Tree::List(items)) => items,
            Some(Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) | Tree::Map(_)) | None => Vec::new(),
        }
    }

    /// The plain value. A null field is left out, as Go reads it as absent.
    pub(super) fn to_value(&self) -> Value {
        match &self.tree {
            Tree::Null => Value::Null,
            Tree::Bool(truth) => Value::Bool(*truth),
            Tree::Number(number) => Value::Number(number.clone()),
            Tree::Text(text) => Value::String(text.clone()),
            Tree::List(items) => Value::Array(items.iter().map(Node::to_value).collect()),
            Tree::Map(entries) => {
                let given = entries.iter().filter(|(_, node)| !node.is_null());
                let fields: Map<String, Value> = given.map(|(k, node)| (k.name.clone(), node.to_value())).collect();
                Value::Object(fields)
            }
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, serde_saphyr::granit_parser::StrInput<'a>>,
    anchors: BTreeMap<usize, Node>,
    faults: Vec<Fault>,
    /// Of the node being read, for faults.
    path: Vec<String>,
    room: usize,
}

/// Boxed: it ends the reading, and is larger than what is usually returned.
type Broken = Box<Fault>;

impl<'a> Reader<'a> {
    /// The next document; `None` at the end.
    fn document(&mut self) -> Result<Option<Node>, Broken> {
        self.anchors.clear();
        loop {
            match self.event()? {
                Some((Event::StreamStart | Event::DocumentEnd | Event::DocumentStart(..), _)) => {}
                Some((Event::StreamEnd, _)) | None => return Ok(None),
                Some((event, span)) => return self.node(event, span).map(Some),
            }
        }
    }

    fn event(&mut self) -> Result<Option<(Event<'a>, Span)>, Broken> {
        loop {
            match self.parser.next_event() {
                None => return Ok(None),
                Some(Err(error)) => return Err(broken(&error)),
                Some(Ok((Event::Comment(..) | Event::Anchor(..), _))) => {}
                Some(Ok(next)) => return Ok(Some(next)),
            }
        }
    }

    /// An event inside a list or map, where the stream cannot end.
    fn inner(&mut self) -> Result<(Event<'a>, Span), Broken> {
        self.event()?
            .ok_or_else(|| self.refuse(Place::default(), "the file ends too early"))
    }

    fn node(&mut self, event: Event<'a>, span: Span) -> Result<Node, Broken> {
        let at = place(&span);
        if self.room == 0 || self.path.len() > DEEPEST {
            return Err(self.refuse(at, "too large, or nested too deeply"));
        }
        self.room -= 1;
        let (tree, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, at),
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_ref().and_then(|tag| tag.core_suffix());
                let plain = matches!(style, ScalarStyle::Plain);
                let tree = match (tag, plain) {
                    (Some("str"), _) | (None, false) => Tree::Text(text.into_owned()),
                    (Some(_), _) | (None, true) => scalar::resolve(&text),
                };
                (tree, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.list()?, anchor),
            Event::MappingStart(_, anchor, _) => (self.map()?, anchor),
            _ => return Err(self.refuse(at, "a value is missing here")),
        };
        let node = Node { at, tree };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self) -> Result<Tree, Broken> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.inner()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Tree::List(items));
            }
            self.path.push(format!("[{}]", items.len()));
            items.push(self.node(event, span)?);
            self.path.pop();
        }
    }

    fn map(&mut self) -> Result<Tree, Broken> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.inner()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let is_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, _) if text == "<<");
            let key = self.key(event, span)?;
            self.path.push(format!(".{}", key.name));
            let (event, span) = self.inner()?;
            let node = self.node(event, span)?;
            if is_merge {
                merged.push(node);
            } else if let Some((first, _)) = entries.iter().find(|(other, _)| other.name == key.name) {
                self.faults.push(Fault {
                    at: key.at,
                    path: self.path.concat().trim_start_matches('.').to_owned(),
                    message: format!("duplicate field: it is already there in line {}", first.at.line),
                    remedy: "keep one of the two; a parser would silently drop the other".to_owned(),
                });
            } else {
                entries.push((key, node));
            }
            self.path.pop();
        }
        for (key, node) in merged.into_iter().flat_map(merge_entries) {
            if !entries.iter().any(|(other, _)| other.name == key.name) {
                entries.push((key, node));
            }
        }
        Ok(Tree::Map(entries))
    }

    fn key(&mut self, event: Event<'a>, span: Span) -> Result<Key, Broken> {
        let node = self.node(event, span)?;
        let name = match node.tree {
            Tree::Text(name) => name,
            Tree::Bool(truth) => truth.to_string(),
            Tree::Number(number) => number.to_string(),
            Tree::Null => "null".to_owned(),
            Tree::List(_) | Tree::Map(_) => return Err(self.refuse(node.at, "a field name must be a string")),
        };
        Ok(Key { at: node.at, name })
    }

    fn alias(&mut self, anchor: usize, at: Place) -> Result<Node, Broken> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(self.refuse(
                at,
                "this alias names an anchor that is not there, or that it is part of",
            ));
        };
        let size = size(node);
        if size > self.room {
            return Err(self.refuse(at, "too large, or nested too deeply"));
        }
        self.room -= size;
        Ok(Node {
            at,
            tree: node.tree.clone(),
        })
    }

    fn refuse(&self, at: Place, message: &str) -> Broken {
        Box::new(Fault {
            at,
            path: self.path.concat().trim_start_matches('.').to_owned(),
            message: format!("broken YAML: {message}"),
            remedy: MEND.to_owned(),
        })
    }
}

const MEND: &str = "look at the indentation, colons, quotes and brackets of this line and the one before";

fn broken(error: &ScanError) -> Broken {
    let marker = error.marker();
    Box::new(Fault {
        at: Place {
            line: marker.line(),
            column: marker.col() + 1,
        },
        path: String::new(),
        message: format!("broken YAML: {}", error.info()),
        remedy: MEND.to_owned(),
    })
}

fn place(span: &Span) -> Place {
    Place {
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

/// What `<<` brings in: the entries of a map, or of a list of maps.
fn merge_entries(node: Node) -> Vec<(Key, Node)> {
    match node.tree {
        Tree::Map(entries) => entries,
        Tree::List(maps) => maps.into_iter().flat_map(merge_entries).collect(),
        Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) => Vec::new(),
    }
}

fn size(node: &Node) -> usize {
    match &node.tree {
        Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) => 1,
        Tree::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Tree::Map(entries) => 1 + entries.iter().map(|(_, node)| size(node)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let said = |(document, f): &(usize, Fault)| {
            format!("{document}:{}:{} {} {}", f.at.line, f.at.column, f.path, f.message)
        };
        read(text).faults.iter().map(said).collect()
    }

    #[test]
    fn values_are_what_kubectl_reads() {
        let text = "a: 1\nb: [yes, 'no', 1.5, ~]\nc: {d: &x {e: f}, g: *x}\nh: {<<: *x, i: 0x10}\n---\n{\"j\": null}\n";
        let values: Vec<Value> = read(text).documents.iter().map(|(_, node)| node.to_value()).collect();
        let first = serde_json::json!({
            "a": 1, "b": [true, "no", 1.5, null], "c": {"d": {"e": "f"}, "g": {"e": "f"}}, "h": {"e": "f", "i": 16},
        });
        assert_eq!(values, [first, serde_json::json!({})]);
        assert_eq!(faults(text), [""; 0]);
    }

    #[test]
    fn a_field_stands_where_it_was_written() {
        let documents = read("a: 1\nb:\n  - c: 2\n").documents;
        let at = |found: &(Key, Node)| (found.0.at.line, found.0.at.column, found.1.at.column);
        let root = &documents[0].1;
        assert_eq!(at(root.entry("a").expect("a")), (1, 1, 4));
        let item = root.field("b").and_then(|b| b.item(0)).expect("b[0]");
        assert_eq!(at(item.entry("c").expect("c")), (3, 5, 8));
    }

    #[test]
    fn a_field_given_twice_is_a_fault() {
        assert_eq!(
            faults("---\na:\n- b: 1\n  b: 2\n"),
            ["1:4:3 a[0].b duplicate field: it is already there in line 3"]
        );
    }

    #[test]
    fn broken_documents_end_the_reading() {
        for text in [
            "a: [1\n",
            "a: b: c\n",
            "a: *nowhere\n",
            "a:\n\tb: 1\n",
            "{a: {b: {}\n",
            "? [a]\n: 1\n",
        ] {
            assert_eq!(faults(text).len(), 1, "{text:?}: {:?}", faults(text));
            assert!(faults(text)[0].contains("broken YAML"), "{:?}", faults(text));
        }
        assert_eq!(read("a: 1\n---\nb: [\n").documents.len(), 1);
        assert_eq!(read("").documents.len() + read("---\n---\n").faults.len(), 0);
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..10 {
            let before = format!("*a{}", i - 1);
            text.push_str(&format!("a{i}: &a{i} [{}]\n", [before.as_str(); 10].join(", ")));
        }
        assert!(faults(&text)[0].contains("too large"), "{:?}", faults(&text));
        assert!(faults(&"[".repeat(100_000))[0].contains("broken YAML"));
    }
}
