//! The whole collector in one process, asked over loopback as agents, browsers and scrapers ask it.

#[cfg(test)]
mod harness;
#[cfg(test)]
mod records;

#[cfg(test)]
mod access;
#[cfg(test)]
mod alerts;

#[cfg(test)]
mod alert_day;
#[cfg(test)]
mod api;
#[cfg(test)]
mod arrivals;
#[cfg(test)]
mod boards;
#[cfg(test)]
mod channels;
#[cfg(test)]
mod door;
#[cfg(test)]
mod export;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod jwt;
#[cfg(test)]
mod live;
#[cfg(test)]
mod live_resume;
#[cfg(test)]
mod live_rooms;
#[cfg(test)]
mod live_tenant;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod oidc;
#[cfg(test)]
mod overview;
#[cfg(test)]
mod people;
#[cfg(test)]
mod pull;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod services;
#[cfg(test)]
mod tls;
