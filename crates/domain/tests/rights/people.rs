//! Who may come in: people, their passwords and their sessions.

use clutch_domain::{
    access::{Digest, UserName, UserRole},
    actor::Actor,
    command::{ChangeUser, Command, NewBrowserSession, NewPassword, UserStep},
    refusal::Refusal,
    text::Excerpt,
};

use crate::{actors, bench::Bench};

/// Each ends their own sessions, and those of others who says who may come in.
#[test]
fn sessions_are_ended_by_whose_they_are_and_by_owners() {
    let mut bench = Bench::new();
    let step = UserStep::Add(UserRole::Viewer, "$".to_owned().into());
    let (vic, door) = (UserName::parse("vic").unwrap(), Actor::doorkeeper());
    let add = Command::ChangeUser(ChangeUser { name: vic.clone(), step });
    assert_eq!(bench.person(&add), Err(Refusal::OwnerFirst));
    bench.ask(door.clone(), &Command::SetPassword("$".to_owned().into())).unwrap();
    bench.person(&add).unwrap();
    let all = bench.all::<clutch_domain::access::Account>();
    let password_of = all.iter().find(|user| user.name == "vic").unwrap().password_set_at;
    let digest = Digest::new([9; 32]);
    let (browser, from) = (Excerpt::default(), Excerpt::default());
    let new = NewBrowserSession { digest: digest.clone(), account: vic, password_of, browser, from };
    let late = NewBrowserSession { password_of: password_of.plus(1), ..new.clone() };
    assert_eq!(bench.ask(door.clone(), &Command::OpenSession(late)), Err(Refusal::PasswordChanged));
    let nobody = NewBrowserSession { account: UserName::parse("eve").unwrap(), ..new.clone() };
    assert_eq!(bench.ask(door.clone(), &Command::OpenSession(nobody)), Err(Refusal::UserNotFound));
    bench.ask(door, &Command::OpenSession(new)).unwrap();
    for (letter, actor) in actors() {
        let said = bench.decide(actor, &Command::EndSession(digest.clone()));
        assert_eq!(said.is_ok(), "hvxo".contains(letter), "{letter}");
    }
}

/// Of two browsers that change one password at one moment one is told so, and which one asks keeps its session.
#[test]
fn whoever_has_a_password_changes_it_and_their_other_sessions_end() {
    let mut bench = Bench::new();
    let (door, vic) = (Actor::doorkeeper(), UserName::parse("vic").unwrap());
    bench.ask(door.clone(), &Command::SetPassword("$".to_owned().into())).unwrap();
    let step = UserStep::Add(UserRole::Viewer, "$".to_owned().into());
    bench.person(&Command::ChangeUser(ChangeUser { name: vic.clone(), step })).unwrap();
    let set_at = |bench: &Bench, name: &str| {
        let all = bench.all::<clutch_domain::access::Account>();
        all.into_iter().find(|user| user.name == name).unwrap().password_set_at
    };
    let digest = |n| Digest::new([n; 32]);
    let (old, owners) = (set_at(&bench, "vic"), set_at(&bench, "dan"));
    let open = |n, account: &UserName, password_of| {
        let (browser, from) = (Excerpt::default(), Excerpt::default());
        Command::OpenSession(NewBrowserSession {
            digest: digest(n),
            account: account.clone(),
            password_of,
            browser,
            from,
        })
    };
    for (n, account, of) in [(1, &vic, old), (2, &vic, old), (3, &vic, old), (4, &UserName::owner(), owners)] {
        bench.ask(door.clone(), &open(n, account, of)).unwrap();
    }
    let ask = |n, password_of| {
        let hash = format!("${n}").into();
        Command::ChangePassword(NewPassword { hash, password_of, session: digest(n) })
    };
    let me = Actor::user("vic", UserRole::Viewer);
    // Not even another moment is needed between the two.
    bench.ask(me.clone(), &ask(2, old)).unwrap();
    assert_eq!(bench.ask(me.clone(), &ask(3, old)), Err(Refusal::PasswordChanged));
    assert_eq!(bench.ask(door, &open(5, &vic, old)), Err(Refusal::PasswordChanged));
    let left = bench.all::<clutch_domain::access::BrowserSession>();
    let left: Vec<_> = left.iter().map(|session| (session.digest.clone(), session.account.as_str())).collect();
    assert_eq!(left, [(digest(2), "vic"), (digest(4), "dan")], "this one, and those of others");
    // The settings' password comes back at the next start: it is changed there, by whomever.
    assert_eq!(bench.person(&ask(4, owners)), Err(Refusal::PasswordOfSettings));
    let step = UserStep::Password("$".to_owned().into());
    let theirs = Command::ChangeUser(ChangeUser { name: UserName::owner(), step });
    assert_eq!(bench.person(&theirs), Err(Refusal::PasswordOfSettings));
    let nobody = Actor::user("zoe", UserRole::Viewer);
    assert_eq!(bench.ask(nobody, &ask(2, old)), Err(Refusal::UserNotFound));
}

#[test]
fn somebody_stays_an_owner() {
    use UserRole::{Member, Owner, Viewer};
    let mut bench = Bench::new();
    let eve = UserName::parse("Eve").unwrap();
    let ask = |name: &UserName, step| Command::ChangeUser(ChangeUser { name: name.clone(), step });
    let hash = || "$".to_owned().into();
    bench.ask(Actor::doorkeeper(), &Command::SetPassword(hash())).unwrap();
    let dan = UserName::owner();
    for step in [UserStep::Become(Member), UserStep::Become(Viewer), UserStep::Remove] {
        assert_eq!(bench.person(&ask(&dan, step)), Err(Refusal::LastOwner));
    }
    bench.person(&ask(&eve, UserStep::Add(Viewer, hash()))).unwrap();
    assert_eq!(bench.person(&ask(&dan, UserStep::Remove)), Err(Refusal::LastOwner), "a viewer is none");
    assert_eq!(bench.person(&ask(&eve, UserStep::Add(Owner, hash()))), Err(Refusal::UserExists));
    bench.person(&ask(&eve, UserStep::Become(Owner))).unwrap();
    bench.person(&ask(&dan, UserStep::Remove)).unwrap();
    assert_eq!(bench.person(&ask(&eve, UserStep::Become(Viewer))), Err(Refusal::LastOwner));
    // The settings' owner does not come back by a restart; there is another one.
    bench.ask(Actor::doorkeeper(), &Command::SetPassword(hash())).unwrap();
    let all = bench.all::<clutch_domain::access::Account>();
    assert_eq!(all.iter().map(|user| (user.name.as_str(), user.role)).collect::<Vec<_>>(), [("eve", Owner)]);
    assert_eq!(bench.person(&ask(&dan, UserStep::Remove)), Err(Refusal::UserNotFound));
}

#[test]
fn names_that_people_can_have() {
    for (typed, name) in
        [("Mia", Some("mia")), (" owner ", Some("dan")), ("dan", Some("dan")), ("a.b-c_1", Some("a.b-c_1"))]
    {
        assert_eq!(UserName::parse(typed).ok().as_ref().map(UserName::as_str), name, "{typed}");
    }
    for wrong in ["", " ", ".a", "a-", "a b", "m\u{fc}ller", "ada", "System", "program", "you", "a/b", &"a".repeat(41)]
    {
        assert_eq!(UserName::parse(wrong), Err(Refusal::UserNameInvalid), "{wrong:?}");
    }
}
