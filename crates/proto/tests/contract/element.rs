//! Every named thing of our own proto files, flat: what the other tests look at.
//!
//! Invariant: an element's path is where protobuf's source information keeps its comment.

use prost::Message;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto,
};

// Numbers of the fields of descriptor.proto: the steps of a path.
const FILE_MESSAGES: i32 = 4;
const FILE_ENUMS: i32 = 5;
const FILE_SERVICES: i32 = 6;
const MESSAGE_FIELDS: i32 = 2;
const MESSAGE_MESSAGES: i32 = 3;
const MESSAGE_ENUMS: i32 = 4;
const MESSAGE_ONEOFS: i32 = 8;
const ENUM_VALUES: i32 = 2;
const SERVICE_RPCS: i32 = 2;

/// A named thing.
pub(crate) struct Element {
    /// `signalpost.v1.Event.user_id`.
    pub(crate) name: String,
    pub(crate) what: What,
    /// The comment above or behind it.
    pub(crate) comment: String,
}

pub(crate) enum What {
    Message,
    Field { field: FieldDescriptorProto, oneof: Option<String> },
    Oneof,
    Enum,
    Value { of: String, number: i32 },
    Service,
    Rpc(MethodDescriptorProto),
}

impl Element {
    /// The last part of its name.
    pub(crate) fn own_name(&self) -> &str {
        self.name.rsplit('.').next().expect("a name is never empty")
    }
}

/// Our own files, without what they import.
pub(crate) fn files() -> Vec<FileDescriptorProto> {
    let all = FileDescriptorSet::decode(signalpost_proto::DESCRIPTORS).expect("what the build script wrote");
    all.file.into_iter().filter(|file| file.name().starts_with("signalpost/")).collect()
}

/// Every element of our own files, in the order of the files.
pub(crate) fn elements() -> Vec<Element> {
    files().iter().flat_map(of_file).collect()
}

/// The comment at a path of a file.
pub(crate) fn comment(file: &FileDescriptorProto, path: &[i32]) -> String {
    let places = file.source_code_info.iter().flat_map(|info| &info.location);
    let here = places.filter(|place| place.path == path);
    here.map(|place| format!("{}{}", place.leading_comments(), place.trailing_comments())).collect()
}

fn of_file(file: &FileDescriptorProto) -> Vec<Element> {
    let mut walk = Walk { file, found: Vec::new() };
    for (message, index) in file.message_type.iter().zip(0..) {
        walk.message(message, file.package(), &[FILE_MESSAGES, index]);
    }
    for (of, index) in file.enum_type.iter().zip(0..) {
        walk.enumeration(of, file.package(), &[FILE_ENUMS, index]);
    }
    for (service, index) in file.service.iter().zip(0..) {
        let path = [FILE_SERVICES, index];
        let name = walk.take(file.package(), service.name(), What::Service, &path);
        for (rpc, index) in service.method.iter().zip(0..) {
            walk.take(&name, rpc.name(), What::Rpc(rpc.clone()), &below(&path, SERVICE_RPCS, index));
        }
    }
    walk.found
}

struct Walk<'a> {
    file: &'a FileDescriptorProto,
    found: Vec<Element>,
}

impl Walk<'_> {
    fn take(&mut self, parent: &str, own: &str, what: What, path: &[i32]) -> String {
        let name = format!("{parent}.{own}");
        self.found.push(Element { name: name.clone(), what, comment: comment(self.file, path) });
        name
    }

    fn message(&mut self, message: &DescriptorProto, parent: &str, path: &[i32]) {
        let name = self.take(parent, message.name(), What::Message, path);
        for (field, index) in message.field.iter().zip(0..) {
            // An `optional` field is the only member of a oneof that the compiler makes up.
            let oneof = field.oneof_index.filter(|_| !field.proto3_optional());
            let oneof = oneof.and_then(|at| message.oneof_decl.get(usize::try_from(at).ok()?));
            let oneof = oneof.map(|oneof| oneof.name().to_owned());
            let what = What::Field { field: field.clone(), oneof };
            self.take(&name, field.name(), what, &below(path, MESSAGE_FIELDS, index));
        }
        for (oneof, index) in message.oneof_decl.iter().zip(0..) {
            let is_made_up =
                message.field.iter().any(|field| field.oneof_index == Some(index) && field.proto3_optional());
            if !is_made_up {
                self.take(&name, oneof.name(), What::Oneof, &below(path, MESSAGE_ONEOFS, index));
            }
        }
        for (nested, index) in message.nested_type.iter().zip(0..) {
            self.message(nested, &name, &below(path, MESSAGE_MESSAGES, index));
        }
        for (of, index) in message.enum_type.iter().zip(0..) {
            self.enumeration(of, &name, &below(path, MESSAGE_ENUMS, index));
        }
    }

    fn enumeration(&mut self, of: &EnumDescriptorProto, parent: &str, path: &[i32]) {
        let name = self.take(parent, of.name(), What::Enum, path);
        for (value, index) in of.value.iter().zip(0..) {
            let what = What::Value { of: of.name().to_owned(), number: value.number() };
            self.take(&name, value.name(), what, &below(path, ENUM_VALUES, index));
        }
    }
}

fn below(path: &[i32], list: i32, index: i32) -> Vec<i32> {
    [path, &[list, index]].concat()
}
