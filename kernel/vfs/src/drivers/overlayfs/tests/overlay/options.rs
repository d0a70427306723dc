//! Option strings.

use crate::drivers::overlayfs::Format;
use crate::drivers::overlayfs::options::{Fsync, RedirectMode, Request, parse};
use crate::vfs_test;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

fn good(text: &str) -> Request {
    parse(text.as_bytes()).unwrap_or_else(|refusal| panic!("{text}: {}", refusal.message))
}

fn lowers(text: &str) -> Vec<String> {
    good(text).lowers.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect()
}

fn refused(text: &str) -> String {
    match parse(text.as_bytes()) {
        Ok(_) => panic!("{text} was accepted"),
        Err(refusal) => refusal.message,
    }
}

vfs_test! {
    fn lowers_are_separated_by_colons_and_escapes_protect_them() {
        assert_eq!(lowers("lowerdir=/a:/b:/c"), ["/a", "/b", "/c"]);
        assert_eq!(lowers("lowerdir=/a\\:b:/c\\,d:/e\\\\f"), ["/a:b", "/c,d", "/e\\f"]);
        assert_eq!(lowers("lowerdir+=/a,lowerdir+=/c:d,upperdir=/u"), ["/a", "/c:d"]);
        assert_eq!(lowers("lowerdir+=/a,lowerdir=/b:/c"), ["/b", "/c"]);
        assert_eq!(lowers("lowerdir=/x:/y,lowerdir=/a:/b"), ["/a", "/b"]);
        assert_eq!(good("lowerdir=/l,upperdir=/u\\,p:q").upper.as_deref(), Some(&b"/u,p:q"[..]));
    }

    fn layers_that_hold_but_data_come_last() {
        let both = |text: &str| {
            let data = good(text).data.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
            [lowers(text), data].map(|paths: Vec<String>| paths.join(" "))
        };
        assert_eq!(both("lowerdir=/a::/b"), ["/a", "/b"]);
        assert_eq!(both("lowerdir=/a:/b::/c::/d\\:e"), ["/a /b", "/c /d:e"]);
        assert_eq!(both("lowerdir+=/a,lowerdir+=/b:b,datadir+=/c:c,datadir+=/d"), ["/a /b:b", "/c:c /d"]);
        assert_eq!(both("lowerdir=/a::/b,lowerdir=/c::/d"), ["/c", "/d"]);
        let full = format!("lowerdir={}::/d", ["/a"; 499].join(":"));
        assert_eq!(good(&full).data.len(), 1);
        assert!(refused(&format!("{full}::/e")).contains("501"));
    }

    fn values_are_understood() {
        let request = good("lowerdir=/l,upperdir=/u,workdir=/w,whiteout=linux,redirect_dir=nofollow,userxattr,volatile");
        assert_eq!(request.options.whiteout, Format::Linux);
        assert_eq!(request.options.redirect, RedirectMode::NoFollow);
        assert!(request.options.user_attributes && request.options.fsync == Fsync::Volatile);
        assert_eq!(request.options.work.as_deref(), Some(&b"/w"[..]));
        let request = good("lowerdir=/l,upperdir=/u,index=on,xino=auto,metacopy=off,nfs_export=off,uuid=on,fsync=strict");
        assert_eq!(request.options.redirect, RedirectMode::On);
        assert_eq!(request.options.fsync, Fsync::Strict);
        assert_eq!(good("lowerdir=/l,upperdir=/u,userxattr").options.redirect, RedirectMode::NoFollow);
        for allowed in ["metacopy=on,redirect_dir=follow", "nfs_export=on,index=off", "nfs_export=on,metacopy=on"] {
            good(&format!("lowerdir=/a:/b,{allowed}"));
        }
    }

    fn what_is_wrong_is_named() {
        for (text, word) in [
            ("lowerdir=/a:/b,colour=blue", "colour=blue"),
            ("lowerdir=/a:/b,colour", "colour"),
            ("lowerdir=/a:/b,userxattr=1", "userxattr=1"),
            ("lowerdir=/a:/b,redirect_dir=maybe", "maybe"),
            ("lowerdir=/a:/b,index", "index"),
            ("lowerdir=/a:/b,whiteout=aufs", "aufs"),
            ("lowerdir", "lowerdir"),
            ("lowerdir=", "lowerdir"),
            ("lowerdir=/a:", "/a:"),
            ("lowerdir=:/a", ":/a"),
            ("lowerdir=::/a", "::/a"),
            ("lowerdir=/a::", "/a::"),
            ("lowerdir=/a:::/b", "/a:::/b"),
            ("lowerdir=/a::/b:/c", "/a::/b:/c"),
            ("lowerdir=/a::/b::", "/a::/b::"),
            ("datadir+=/d", "datadir+"),
            ("lowerdir+=/a,datadir+=", "datadir+"),
            ("datadir+=/d,lowerdir+=/a", "datadir+"),
            ("lowerdir=/a:/b,datadir+=/d", "datadir+"),
            ("lowerdir+=/a,datadir+=/d,lowerdir+=/b", "lowerdir+"),
            ("lowerdir=/a::/d,lowerdir+=/b", "lowerdir+"),
            ("lowerdir=/a:/b,lowerdir+=/c", "lowerdir+"),
            ("lowerdir=/a", "upperdir"),
            ("upperdir=/u", "lowerdir"),
            ("", "lowerdir"),
            ("lowerdir=/a,upperdir=/u,volatile", "workdir"),
            ("lowerdir=/a,upperdir=/u,nfs_export=on,index=off", "index"),
            ("lowerdir=/a,upperdir=/u,verity=on", "verity"),
            ("lowerdir=/a:/b,upperdir=", "upperdir"),
            ("lowerdir=/a:/b,upperdir=/u\0", "upperdir"),
            ("lowerdir=/a,upperdir=/u,metacopy=on,nfs_export=on", "metacopy"),
            ("lowerdir=/a,upperdir=/u,metacopy=on,redirect_dir=off", "metacopy"),
            ("lowerdir=/a:/b,metacopy=on,redirect_dir=nofollow", "metacopy"),
            ("lowerdir=/a:/b,metacopy=on,userxattr", "metacopy"),
            ("lowerdir=/a:/b,userxattr,redirect_dir=follow", "redirect_dir"),
            ("lowerdir=/a:/b,redirect_dir=on,userxattr", "redirect_dir"),
            ("lowerdir=/a:/b,nfs_export=on,index=off,redirect_dir=nofollow", "index"),
        ] {
            assert!(refused(text).contains(word), "{text}: {}", refused(text));
        }
        assert!(refused(&format!("lowerdir={}", ["/a"; 501].join(":"))).contains("500"));
        assert_eq!(lowers(&format!("lowerdir={}", ["/a"; 500].join(":"))).len(), 500);
    }
}
