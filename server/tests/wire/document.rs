//! The rows of docs/wire-compatibility.md.

/// What is never refused: it takes nothing that could be wrong.
pub const NEVER_REFUSES: [&str; 10] = [
    "GET /api/agents",
    "GET /api/gate",
    "GET /api/openclaw/status",
    "POST /api/openclaw/status",
    "GET /api/openclaw/models",
    "GET /api/projects",
    "GET /api/prompts/roles",
    "POST /api/prompts/seed",
    "GET /api/status",
    "GET /api/work-loop/config",
];

/// A handler.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    pub method: String,
    pub path: String,
    /// A plugin, the command line, a script or a prompt calls it.
    pub starred: bool,
    pub built: bool,
}

impl Row {
    pub fn fits(&self, method: &str, path: &str) -> bool {
        let path = path.split('?').next().unwrap_or_default();
        let (ours, theirs): (Vec<&str>, Vec<&str>) = (self.path.split('/').collect(), path.split('/').collect());
        let part = |ours: &&str, theirs: &&str| ours == theirs || ours.starts_with([':', '*']);
        self.method == method && ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(a, b)| part(a, b))
    }

    /// How many of its parts take any word.
    pub fn open_parts(&self) -> usize {
        self.path.matches([':', '*']).count()
    }
}

/// All of them.
pub fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/wire-compatibility.md")).unwrap();
    let cells = text.lines().filter(|line| line.starts_with("| ")).map(|line| {
        let line = line.trim().trim_start_matches('|').trim_end_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    });
    let rows: Vec<Row> = cells
        .filter(|cells| cells.len() == 5 && cells[1].starts_with("`/"))
        .map(|cells| Row {
            method: cells[0].clone(),
            path: cells[1].trim_matches('`').to_owned(),
            starred: cells[2].contains('★'),
            built: cells[3] != "not built yet",
        })
        .collect();
    assert!(rows.len() > 128, "{}", rows.len());
    rows
}

/// Those that are here.
pub fn built() -> Vec<Row> {
    rows().into_iter().filter(|row| row.built).collect()
}
