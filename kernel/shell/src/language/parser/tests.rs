//! What a line of the shell's language is read as.

use super::{End, Parser, SyntaxError};
use crate::language::syntax::{List, Piece, Redirection, Stream, When};
use alloc::string::String;
use alloc::vec::Vec;
use std::format;

/// Writes a list as `[word|word] && [word]`, plain text as it is, quoted text in ‹›, variables as $‹name›.
fn show(list: &List) -> String {
    let mut text = String::new();
    for pipeline in &list.pipelines {
        text += match pipeline.when {
            When::Always if text.is_empty() => "",
            When::Always => " ; ",
            When::Success => " && ",
            When::Failure => " || ",
        };
        if pipeline.negated {
            text += "! ";
        }
        for (index, command) in pipeline.commands.iter().enumerate() {
            let mut parts: Vec<String> = Vec::new();
            for (name, value) in &command.assignments {
                parts.push(format!("{}={}", String::from_utf8_lossy(name), show_word(value)));
            }
            parts.extend(command.words.iter().map(|word| show_word(word)));
            for redirection in &command.redirections {
                let stream = |stream: &Stream| if *stream == Stream::Output { "1" } else { "2" };
                parts.push(match redirection {
                    Redirection::Read(word) => format!("<{}", show_word(word)),
                    Redirection::Write(to, word) => format!("{}>{}", stream(to), show_word(word)),
                    Redirection::Append(to, word) => format!("{}>>{}", stream(to), show_word(word)),
                    Redirection::Same(from, to) => format!("{}>&{}", stream(from), stream(to)),
                });
            }
            text += &format!("{}[{}]", if index > 0 { " | " } else { "" }, parts.join(","));
        }
    }
    text
}

fn show_word(word: &[Piece]) -> String {
    word.iter()
        .map(|piece| match piece {
            Piece::Plain(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Piece::Quoted(bytes) => format!("‹{}›", String::from_utf8_lossy(bytes)),
            Piece::Variable { name, quoted: false } => format!("${{{}}}", String::from_utf8_lossy(name)),
            Piece::Variable { name, quoted: true } => format!("‹${{{}}}›", String::from_utf8_lossy(name)),
        })
        .collect()
}

fn parse(text: &str) -> Vec<String> {
    let mut parser = Parser::new(text.as_bytes(), End::Open);
    let mut lists = Vec::new();
    while let Some(list) = parser.next_list().unwrap() {
        lists.push(show(&list));
    }
    lists
}

fn error(text: &str) -> SyntaxError {
    let mut parser = Parser::new(text.as_bytes(), End::Open);
    loop {
        match parser.next_list() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("{text:?} is right"),
            Err(error) => return error,
        }
    }
}

#[test]
fn lines_words_and_connectors() {
    assert_eq!(parse("echo a b\n"), ["[echo,a,b]"]);
    assert_eq!(parse("a;b && c || ! d"), ["[a] ; [b] && [c] || ! [d]"]);
    assert_eq!(parse("a |b| c"), ["[a] | [b] | [c]"]);
    assert_eq!(parse("a &&\n\n b\nc"), ["[a] && [b]", "[c]"]);
    assert_eq!(parse("\n  \na;\n"), ["", "", "[a]"]);
    assert_eq!(parse("a\r\nb\r\n"), ["[a]", "[b]"], "scripts with DOS line ends");
}

#[test]
fn quotes_backslashes_and_comments() {
    assert_eq!(parse(r#"echo 'a "b" $c' "d '$e' \" \n" f\ g"#), [r#"[echo,‹a "b" $c›,‹d '›‹${e}›‹' " \n›,f‹ ›g]"#]);
    assert_eq!(parse("echo '' a''b \"\""), ["[echo,‹›,a‹›b,‹›]"]);
    assert_eq!(parse("a # b ; c\nd#e"), ["[a]", "[d#e]"]);
    assert_eq!(parse("a 'x\ny' b"), ["[a,‹x\ny›,b]"]);
}

#[test]
fn a_backslash_at_the_end_of_a_line_joins_it_with_the_next() {
    assert_eq!(parse("mount \\\n-t overlay \\\noverlay\n"), ["[mount,-t,overlay,overlay]"]);
    assert_eq!(parse("ec\\\nho \"a\\\nb\""), ["[echo,‹ab›]"]);
    assert_eq!(error("mount \\\n"), SyntaxError::Unfinished);
    assert_eq!(error("mount \\"), SyntaxError::Unfinished);
    let list = Parser::new(b"mount \\\n", End::Final).next_list().unwrap().unwrap();
    assert_eq!(show(&list), "[mount]", "at the end of a script it joins nothing");
}

#[test]
fn variables() {
    assert_eq!(parse("echo $? ${A}b $A_1-x $ $1"), ["[echo,${?},${A}b,${A_1}-x,$,$1]"]);
    assert_eq!(parse("A=1 B='x y' env C=2"), ["[A=1,B=‹x y›,env,C=2]"]);
    assert_eq!(parse("'A'=1 1A=2"), ["[‹A›=1,1A=2]"]);
}

#[test]
fn redirections() {
    assert_eq!(parse("a >b 2>>c <d"), ["[a,1>b,2>>c,<d]"]);
    assert_eq!(parse("a>b 2>&1 1>&2 x2>c"), ["[a,x2,1>b,2>&1,1>&2,1>c]"]);
    assert_eq!(parse("> empty"), ["[1>empty]"]);
}

#[test]
fn what_is_wrong_is_named() {
    assert_eq!(error("a && && b"), SyntaxError::Unexpected("&&".into()));
    assert_eq!(error(";"), SyntaxError::Unexpected(";".into()));
    assert_eq!(error("a >"), SyntaxError::Unexpected("newline".into()));
    assert_eq!(error("a & b"), SyntaxError::Unexpected("&".into()));
    assert_eq!(error("(a)"), SyntaxError::Unexpected("(".into()));
    assert_eq!(error("a >&x"), SyntaxError::Unexpected(">&".into()));
    assert_eq!(error("echo ${}"), SyntaxError::Unexpected("${".into()));
    for unfinished in ["a 'b", "a \"b", "a &&", "a || \n", "a |", "a ${b"] {
        assert_eq!(error(unfinished), SyntaxError::Unfinished, "{unfinished}");
    }
}

#[test]
fn lines_are_counted() {
    let mut parser = Parser::new(b"a\n'b\n'\\\n c\n;\n", End::Final);
    parser.next_list().unwrap();
    assert_eq!(parser.line(), 2);
    parser.next_list().unwrap();
    assert_eq!(parser.line(), 5);
    assert!(parser.next_list().is_err());
    assert_eq!(parser.line(), 5);
}
