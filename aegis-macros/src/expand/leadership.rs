//! What a service says of its leader: the group, and the failover.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::{Attribute, Meta};

use super::{Aegis, at};
use crate::model::{Failover, Service};

/// The group of a service that names none.
const MAIN: &str = "main";

/// The constants; none for a service that nobody leads.
pub(super) fn leadership(service: &Service, aegis: &Aegis) -> Option<TokenStream> {
    let group = match &service.group {
        Some(group) => group.value.as_str(),
        None => MAIN,
    };
    let members: Vec<&[Attribute]> = service.exclusive().collect();
    if service.group.is_none() && members.is_empty() {
        return None;
    }
    // An instance that was built without all of it must not be elected.
    let condition = (service.group.is_none() && members.iter().all(|cfgs| !cfgs.is_empty()))
        .then(|| condition(&members));
    let failover = service.failover.as_ref().map(|Failover { place, millis }| {
        let path = aegis.path(at(*place));
        let [lease, margin, renew] = millis.map(Literal::u64_unsuffixed);
        quote! {
            #condition
            const FAILOVER: #path::Failover = #path::__private::failover(#lease, #margin, #renew);
        }
    });
    Some(quote! {
        #condition
        const GROUP: ::core::option::Option<&'static str> = ::core::option::Option::Some(#group);
        #failover
    })
}

/// Whether any of these members is there.
fn condition(members: &[&[Attribute]]) -> TokenStream {
    let members = members.iter().map(|cfgs| {
        let predicates = cfgs.iter().filter_map(|cfg| match &cfg.meta {
            Meta::List(list) => Some(&list.tokens),
            _ => None,
        });
        quote!(all(#(#predicates),*))
    });
    quote!(#[cfg(any(#(#members),*))])
}
