//! An authority of one's own, and certificates that it signs.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use tempfile::TempDir;

/// An authority, with a folder for its files.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
    /// The authority's own certificate.
    pub(super) file: PathBuf,
}

/// The files of a certificate and its key.
pub(super) struct Certificate {
    pub(super) file: PathBuf,
    pub(super) key: PathBuf,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let own = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("authority.pem");
        std::fs::write(&file, own.pem()).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            folder,
            file,
        }
    }

    /// A server's certificate, for these addresses or names.
    pub(super) fn server(&self, hosts: &[&str]) -> Certificate {
        let hosts = hosts.iter().map(|host| match host.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName((*host).try_into().unwrap()),
        });
        let purpose = ExtendedKeyUsagePurpose::ServerAuth;
        self.signed("server", hosts.collect(), purpose)
    }

    /// The same, which has expired.
    pub(super) fn expired(&self, hosts: &[&str]) -> Certificate {
        let certificate = self.server(hosts);
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![SanType::IpAddress("127.0.0.1".parse().unwrap())];
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        let pair = KeyPair::generate().unwrap();
        let expired = params.signed_by(&pair, &self.issuer).unwrap();
        std::fs::write(&certificate.file, expired.pem()).unwrap();
        std::fs::write(&certificate.key, pair.serialize_pem()).unwrap();
        certificate
    }

    /// A client's certificate with an e-mail address, which a server can map to a user.
    pub(super) fn client(&self, mail: &str) -> Certificate {
        let names = vec![SanType::Rfc822Name(mail.try_into().unwrap())];
        self.signed(mail, names, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn signed(
        &self,
        name: &str,
        names: Vec<SanType>,
        purpose: ExtendedKeyUsagePurpose,
    ) -> Certificate {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names;
        params.extended_key_usages = vec![purpose];
        let pair = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&pair, &self.issuer).unwrap();
        let file = self.folder.path().join(format!("{name}.pem"));
        let key = self.folder.path().join(format!("{name}.key"));
        std::fs::write(&file, certificate.pem()).unwrap();
        std::fs::write(&key, pair.serialize_pem()).unwrap();
        Certificate { file, key }
    }
}
