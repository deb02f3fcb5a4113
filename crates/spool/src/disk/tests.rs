use super::*;

fn written(file: &File) -> Vec<u8> {
    let mut octets = vec![0; 4096];
    let length = file.read_at(&mut octets, 0).unwrap();
    octets.truncate(length);
    octets
}

#[test]
fn both_read_back_what_they_wrote() {
    let folder = tempfile::tempdir().unwrap();
    for disk in [Disk::real(), Disk::simulated(&Simulated::new())] {
        let file = disk.create(&folder.path().join("a")).unwrap();
        file.write_at(&mut [IoSlice::new(b"one "), IoSlice::new(b"two")], 4).unwrap();
        file.sync().unwrap();
        assert_eq!(written(&file), b"\0\0\0\0one two");
        assert_eq!(file.length().unwrap(), 11);
        assert_eq!(disk.names(folder.path()).unwrap(), ["a"]);
        assert!(disk.room(folder.path()).unwrap() > 0);
        let lock = || disk.lock(&folder.path().join("lock")).unwrap();
        let first = lock();
        assert!(matches!(first, Locking::Ours(_)));
        assert!(matches!(lock(), Locking::Taken(_)));
        drop(first);
        assert!(matches!(lock(), Locking::Ours(_)));
    }
}

#[test]
fn more_slices_than_one_call_takes_are_written_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = Disk::real().create(&folder.path().join("a")).unwrap();
    let mut slices = vec![IoSlice::new(b"x"); 2500];
    file.write_at(&mut slices, 0).unwrap();
    assert_eq!(written(&file), vec![b'x'; 2500]);
}

#[test]
fn a_power_cut_keeps_what_was_synced_and_only_that_for_sure() {
    let (mut lost, mut torn) = (0, 0);
    for seed in 0..32 {
        let simulated = Simulated::new();
        let disk = Disk::simulated(&simulated);
        let path = Path::new("/a");
        let file = disk.create(path).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        file.write_at(&mut [IoSlice::new(b"kept")], 0).unwrap();
        file.sync().unwrap();
        file.write_at(&mut [IoSlice::new(b"maybe")], 4).unwrap();
        simulated.restart(Loss::Power, seed);
        assert!(file.sync().is_err(), "a file of the old life is dead");
        let found = written(&disk.open(path).unwrap());
        assert!(found.starts_with(b"kept") && found.len() <= b"keptmaybe".len(), "{found:?}");
        lost += usize::from(found == b"kept");
        torn += usize::from(found != b"kept" && found != b"keptmaybe");
    }
    assert!((4..32).contains(&lost), "{lost}");
    assert!((1..16).contains(&torn), "{torn}");
}

#[test]
fn a_failed_sync_loses_what_it_should_have_kept() {
    let simulated = Simulated::new();
    let disk = Disk::simulated(&simulated);
    let file = disk.create(Path::new("/a")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    file.write_at(&mut [IoSlice::new(b"gone")], 0).unwrap();
    simulated.fail_after(Fault::Sync, 0);
    assert!(file.sync().is_err());
    simulated.restart(Loss::Power, 1);
    assert_eq!(written(&disk.open(Path::new("/a")).unwrap()), b"");
}
