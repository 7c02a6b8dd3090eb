//! The rules that a script cannot show, each by itself.
