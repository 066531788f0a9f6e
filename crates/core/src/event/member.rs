//! The well-known top-level members of an event, and where they stand.

use crate::json::Node;

macro_rules! members {
    ($($name:ident = $key:literal $place:literal,)*) => {
        /// A top-level member that every event may have, or one that triggers read.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Member {
            $(
                #[doc = concat!("`", $key, "`")]
                $name = $place,
            )*
        }

        impl Member {
            const COUNT: usize = [$($key),*].len();

            /// The member's name in JSON.
            pub const fn key(self) -> &'static str {
                match self { $(Member::$name => $key,)* }
            }

            /// The member with this name.
            pub fn of(key: &str) -> Option<Member> {
                match key { $($key => Some(Member::$name),)* _ => None }
            }
        }
    };
}

members! {
    Type = "type" 0,
    Event = "event" 1,
    Name = "name" 2,
    UserId = "userId" 3,
    Properties = "properties" 4,
    Traits = "traits" 5,
    Context = "context" 6,
    MessageId = "messageId" 7,
    AnonymousId = "anonymousId" 8,
    GroupId = "groupId" 9,
    Timestamp = "timestamp" 10,
    OriginalTimestamp = "originalTimestamp" 11,
    SentAt = "sentAt" 12,
    ReceivedAt = "receivedAt" 13,
    Integrations = "integrations" 14,
    Version = "version" 15,
}

/// Where the well-known members of one event stand on its tape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places([u32; Member::COUNT]);

impl Places {
    /// Entry 0 is the root, never a member.
    const NONE: u32 = 0;

    pub(super) fn find(root: Node<'_>) -> Places {
        let mut places = Places([Places::NONE; Member::COUNT]);
        for (key, value) in root.pairs() {
            let member = match key.as_plain_str() {
                Some(key) => Member::of(key),
                None => key.as_str().and_then(|key| Member::of(&key)),
            };
            if let Some(member) = member {
                places.set(member, value.index());
            }
        }
        places
    }

    #[inline]
    pub(super) fn get(&self, member: Member) -> Option<u32> {
        let place = self.0[member as usize];
        (place != Places::NONE).then_some(place)
    }

    pub(super) fn set(&mut self, member: Member, place: u32) {
        self.0[member as usize] = place;
    }
}
