//! As many layers as there may be, and overlays on each other, by typing.

mod session;

use session::Session;

/// Where the layer of that number is: long, so that 500 of them are many pages of options.
fn layer(number: usize) -> String {
    format!("layers/of/an/image/whose/directories/have/long/names/{number:03}")
}

/// A session with so many layers, each with a file of its own and one that all have.
fn layered_session(count: usize) -> Session {
    let mut session = Session::new();
    for number in 0..count {
        let layer = layer(number);
        assert_eq!(
            session.run(&format!("mkdir -p {layer}; echo {number} > {layer}/{number}; echo {number} > {layer}/all")),
            ""
        );
    }
    session.run("mkdir upper merged");
    session
}

/// ```text
///  upper
///  layers/…/000    0    all        the topmost shows its `all`
///  …
///  layers/…/499    499  all
/// ```
#[test]
fn five_hundred_layers_are_mounted_by_one_option_string_and_one_more_is_refused() {
    let mut session = layered_session(501);
    let list = |count| (0..count).map(layer).collect::<Vec<_>>().join(":");
    let mount = |count| format!("mount -t overlay -o lowerdir={},upperdir=upper overlay merged; echo $?", list(count));
    assert!(list(500).len() > 6 * 4096);
    assert_eq!(
        session.run(&mount(501)),
        "mount: merged: overlay: option 'lowerdir' has 501 layers, at most 500 are possible.\n32\n"
    );
    assert_eq!(session.run(&mount(500)), "0\n");
    assert_eq!(
        session.run("ls merged | wc -l; cat merged/all merged/499; overlay layers merged | wc -l"),
        "501\n0\n499\n501\n"
    );
    assert_eq!(session.run("rm merged/499 merged/all; ls merged | wc -l; ls -A upper"), "499\n.wh.499\n.wh.all\n");
    let shown = session.run("mount");
    assert!(shown.contains(&format!("lowerdir={},upperdir=upper", list(500))), "{shown}");
    assert_eq!(session.run("umount merged; ls merged"), "");
    let added: String = (0..500).map(|number| format!("lowerdir+={},", layer(number))).collect();
    assert_eq!(
        session.run(&format!("mount -t overlay -o {added}upperdir=upper overlay merged; ls merged | wc -l")),
        "499\n"
    );
}

/// ```text
///  m8 on m7 on … on m1 on layer 0
/// ```
#[test]
fn eight_overlays_stand_on_each_other_and_a_ninth_is_refused() {
    let mut session = layered_session(1);
    let mut below = layer(0);
    for level in 1..=8 {
        let mounted = session.run(&format!(
            "mkdir u{level} m{level}; mount -t overlay -o lowerdir={below},upperdir=u{level} overlay m{level}; echo $?"
        ));
        assert_eq!(mounted, "0\n", "level {level}");
        below = format!("m{level}");
    }
    assert_eq!(
        session.run("echo more >> m8/all; cat m8/all m7/all; mkdir m8/d; rm m8/0; ls -A u8"),
        "0\nmore\n0\n.wh.0\nall\nd\n"
    );
    assert_eq!(
        session.run("mount -t overlay -o lowerdir=m8,upperdir=upper overlay merged; echo $?"),
        "mount: merged: overlay: m8: more than 8 overlays on top of each other.\n32\n"
    );
}
