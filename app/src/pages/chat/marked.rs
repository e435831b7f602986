//! What somebody has marked in an answer while it was written stays marked when the message takes its place.

use leptos::prelude::*;
use web_sys::Node;

/// A part of some words, by its letters; white space is laid out in one way here and in another there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked {
    from: usize,
    to: usize,
}

/// What is marked in an element, where all of it is in there.
pub fn in_element(root: &Node) -> Option<Marked> {
    let marked = window().get_selection().ok().flatten().filter(|selection| !selection.is_collapsed())?;
    let before = |node: Option<Node>, offset: u32| {
        let node = node.filter(|node| root.contains(Some(node)))?;
        let mut letters = 0;
        count(root, &node, offset, &mut letters);
        Some(letters)
    };
    Some(Marked {
        from: before(marked.anchor_node(), marked.anchor_offset())?,
        to: before(marked.focus_node(), marked.focus_offset())?,
    })
}

/// Marks the same in another element with these words.
pub fn mark(root: &Node, marked: Marked) -> Option<()> {
    // A part begins before its first letter and ends behind its last one.
    let forwards = marked.from <= marked.to;
    let place = |letters, begins| find(root, &mut { letters }, begins);
    let (from, from_at) = place(marked.from, forwards)?;
    let (to, to_at) = place(marked.to, !forwards)?;
    window().get_selection().ok()??.set_base_and_extent(&from, from_at, &to, to_at).ok()
}

fn is_letter(unit: u16) -> bool {
    !char::from_u32(unit.into()).is_some_and(char::is_whitespace)
}

fn units(text: &Node) -> Vec<u16> {
    text.node_value().unwrap_or_default().encode_utf16().collect()
}

fn children(node: &Node) -> impl Iterator<Item = Node> + use<> {
    let all = node.child_nodes();
    (0..all.length()).filter_map(move |n| all.item(n))
}

/// Counts the letters before a place; whether the place was reached.
fn count(node: &Node, target: &Node, offset: u32, letters: &mut usize) -> bool {
    let here = node.is_same_node(Some(target));
    if node.node_type() == Node::TEXT_NODE {
        let end = if here { offset as usize } else { usize::MAX };
        *letters += units(node).into_iter().take(end).filter(|unit| is_letter(*unit)).count();
        return here;
    }
    for (n, child) in children(node).enumerate() {
        if here && n == offset as usize || count(&child, target, offset, letters) {
            return true;
        }
    }
    here
}

/// The place behind so many letters; before the next one, where something `begins` there.
fn find(node: &Node, letters: &mut usize, begins: bool) -> Option<(Node, u32)> {
    if node.node_type() != Node::TEXT_NODE {
        return children(node).find_map(|child| find(&child, letters, begins));
    }
    let places = units(node).into_iter().zip(0..).filter(|(unit, _)| is_letter(*unit));
    for (_, n) in places {
        if *letters == 0 && begins {
            return Some((node.clone(), n));
        }
        *letters = letters.saturating_sub(1);
        if *letters == 0 && !begins {
            return Some((node.clone(), n + 1));
        }
    }
    None
}
